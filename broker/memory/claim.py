"""How the in-memory twin fills a batch: DRAIN in plain Python."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from broker.contract import BULK_SHARE
from broker.memory.store import Queue
from broker.messages import Job, Lane, Limits
from broker.trips import CLAIM_BYTES
from broker.wire import encode_job


@dataclass(slots=True)
class Claiming:
    """A batch while DRAIN fills it."""

    limits: Limits
    is_live: Callable[[Job], bool]
    bulk_since: float  # the head of the bulk lane has waited long enough when it was admitted by then
    jobs: list[Job] = field(default_factory=list)
    closed_by: str = "empty"
    bytes: int = 0  # of the jobs, with their bodies

    def run(self, queue: Queue, *, suspects_first: bool, staged: bool) -> None:
        if suspects_first and not staged:
            self._take_suspects(queue)
        if not self.jobs:
            self._take_bulk_share(queue.lanes[Lane.BULK])
            self._fill(queue.lanes[Lane.INTERACTIVE], self._fits)
            self._fill(queue.lanes[Lane.BULK], self._fits)
        if not self.jobs and not staged:
            self._take_suspects(queue)

    def _take_suspects(self, queue: Queue) -> None:
        self._fill(queue.suspects, self._fits_suspects)
        if self.jobs:
            self.closed_by = "suspects"

    def _take_bulk_share(self, bulk: deque[Job]) -> None:
        if bulk and bulk[0].admitted <= self.bulk_since:
            self._take(bulk, self._fits_share, max(1, self.limits.max_batch_size // BULK_SHARE))

    def _fill(self, waiting: deque[Job], fits: Callable[[Job], bool]) -> None:
        if self.closed_by == "empty":
            fitted = self._take(waiting, fits, self.limits.max_batch_size)
            is_full = len(self.jobs) >= self.limits.max_batch_size
            self.closed_by = self._bound_of(waiting[0]) if not fitted else "size" if is_full else "empty"

    def _bound_of(self, job: Job) -> str:
        return "tokens" if self._bytes_with(job) <= CLAIM_BYTES else "bytes"

    def _take(self, waiting: deque[Job], fits: Callable[[Job], bool], most: int) -> bool:
        """Live jobs from the head while they fit; the first always does, the dead are dropped on the way. False when
        one did not fit."""
        while waiting and len(self.jobs) < most:
            if self.is_live(waiting[0]) and self.jobs and not fits(waiting[0]):
                return False
            job = waiting.popleft()
            if self.is_live(job):
                self.bytes = self._bytes_with(job)
                self.jobs.append(job)
        return True

    def _fits(self, job: Job) -> bool:
        return self._tokens_with(job) <= self.limits.max_batch_tokens and self._bytes_with(job) <= CLAIM_BYTES

    def _fits_share(self, job: Job) -> bool:
        tokens, size = BULK_SHARE * self._tokens_with(job), BULK_SHARE * self._bytes_with(job)
        return tokens <= self.limits.max_batch_tokens and size <= CLAIM_BYTES

    def _bytes_with(self, job: Job) -> int:
        return self.bytes + len(encode_job(job))

    def _tokens_with(self, job: Job) -> int:
        return sum(one.cost for one in (*self.jobs, job))

    def _fits_suspects(self, job: Job) -> bool:
        """Those that crashed once go together, one that crashed more often goes alone."""
        return self._fits(job) and self.jobs[0].attempts < 2 and job.attempts < 2
