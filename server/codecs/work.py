"""How much a request may still make, and whether its client waits. Codecs ask before they work."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from server.codecs.errors import Abandoned, RequestTooLarge

JOB_BYTES, TOKEN_BYTES = 1024, 8  # measured, rounded up
BOUNDLESS = 1 << 62
MAX_PIXELS = 25_000_000  # of a picture, unless somebody says otherwise: one takes three bytes for each


class Work:
    """Counts what one request makes, over all its records. One thread spends; any thread may stop it."""

    __slots__ = (
        "_bytes",
        "_clock",
        "_is_stopped",
        "_jobs",
        "_tokens",
        "bytes_left",
        "deadline",
        "jobs_left",
        "max_pixels",
        "tokens_left",
    )

    def __init__(
        self,
        jobs: int = BOUNDLESS,
        tokens: int = BOUNDLESS,
        deadline: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        max_pixels: int = MAX_PIXELS,
        max_bytes: int = BOUNDLESS,
    ) -> None:
        self._jobs = self.jobs_left = jobs
        self._tokens = self.tokens_left = tokens
        self.deadline = deadline  # seconds, by this clock
        self._clock = clock
        self._is_stopped = False
        self._bytes = self.bytes_left = max_bytes  # of inputs that are no tokens, such as prepared pictures
        self.max_pixels = max_pixels  # that any picture of the request may have

    def require(self, jobs: int = 0, tokens: int = 0, size: int = 0) -> None:
        """Raises `RequestTooLarge` where so many more are too many, and takes none. For a lower bound that is known
        before the work: a text makes at least so many pieces, or tokens."""
        if jobs > self.jobs_left:
            raise RequestTooLarge("jobs", self._jobs)
        if tokens > self.tokens_left:
            raise RequestTooLarge("tokens", self._tokens)
        if size > self.bytes_left:
            raise RequestTooLarge("bytes", self._bytes)

    def spend(self, jobs: int, tokens: int = 0, size: int = 0) -> None:
        """Take so many before they are made; `size` is of their inputs in bytes where that is no matter of tokens.
        Raises `RequestTooLarge`, and what `check` raises."""
        if jobs > self.jobs_left or tokens > self.tokens_left or size > self.bytes_left:
            self.require(jobs, tokens, size)
        self.jobs_left -= jobs
        self.tokens_left -= tokens
        self.bytes_left -= size
        self.check()

    def check(self) -> None:
        """Raises `Abandoned` when nobody waits any more. Ask between lines, pieces, and slices of a long text."""
        if self._is_stopped or self._clock() > self.deadline:
            raise Abandoned

    @property
    def made_bytes(self) -> int:
        """What has been spent takes about so much memory: texts, ids, and all that stands for a job."""
        made = JOB_BYTES * (self._jobs - self.jobs_left) + TOKEN_BYTES * (self._tokens - self.tokens_left)
        return made + self._bytes - self.bytes_left

    def again(self) -> Work:
        """The same bounds, for a request that is encoded anew."""
        return Work(self._jobs, self._tokens, self.deadline, self._clock, self.max_pixels, self._bytes)

    def stop(self) -> None:
        """Nobody waits any more."""
        self._is_stopped = True


UNBOUNDED = Work()  # for encoding outside a request: tests, benchmarks
