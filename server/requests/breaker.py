"""The circuit breaker before the broker: while it is open nothing is let through, and requests are refused at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from broker.messages import FailureCode
from server.errors import Problem, retry_after
from server.requests.admission import Outbox


class CircuitBreaker:
    """Open from the start, until the broker has answered once; then open whenever it does not answer."""

    def __init__(self, outbox: Outbox, clock: Callable[[], float] = time.monotonic) -> None:
        self._outbox = outbox
        self._clock = clock
        self._open_since: float | None = clock()
        self._is_open, self._is_closed = asyncio.Event(), asyncio.Event()
        self._is_open.set()

    @property
    def is_open(self) -> bool:
        return self._open_since is not None

    async def until_open(self) -> None:
        """Return once it is open."""
        await self._is_open.wait()

    async def until_closed(self) -> None:
        """Return once it is closed."""
        await self._is_closed.wait()

    def open(self) -> None:
        """The broker does not answer. Requests that no trip has taken yet are refused."""
        if self._open_since is None:
            self._open_since = self._clock()
            self._is_open.set()
            self._is_closed.clear()
        for admission in self._outbox.withdraw():
            admission.request.refuse(self.problem())

    def close(self) -> None:
        """The broker answers."""
        self._open_since = None
        self._is_closed.set()
        self._is_open.clear()

    def problem(self) -> Problem:
        """What a request is answered with while this is open."""
        away = 0.0 if self._open_since is None else self._clock() - self._open_since
        detail = "The broker does not answer; nothing can be computed until it is back."
        return Problem(FailureCode.BROKER_UNAVAILABLE, detail, retry_after=retry_after(away))
