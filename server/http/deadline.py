"""Ends the work for a request at its deadline, and when its client hangs up.

Most requests are answered within a tenth of a second. A timer and a task for each took a tenth of all time, so one
timer sweeps over all of them, and only the late ones get their own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import cached_property
from itertools import takewhile
from types import TracebackType

from starlette.types import Receive

from broker.messages import FailureCode
from server.errors import ClientGone, Problem

LATE = 0.1  # seconds until a request gets a timer of its own
SWEEP_PERIOD = 0.05  # seconds between two sweeps


class RequestDeadline:
    """Around one request: the `with` raises `Problem` at its deadline, `ClientGone` when its client hangs up."""

    __slots__ = (
        "_cancelling",
        "_listener",
        "_may_listen",
        "_reason",
        "_receive",
        "_sweeper",
        "_task",
        "_timer",
        "seconds",
        "started",
    )

    def __init__(self, sweeper: DeadlineSweeper, receive: Receive, started: float, seconds: float) -> None:
        self._sweeper = sweeper
        self._receive = receive
        self.started = started
        self.seconds = seconds
        self._may_listen = False
        self._reason: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._listener: asyncio.Task[None] | None = None

    @property
    def ends_at(self) -> float:
        """Seconds, by the clock of the one who started it."""
        return self.started + self.seconds

    def __enter__(self) -> RequestDeadline:
        task = asyncio.current_task(self._sweeper.loop)
        assert task is not None, "a request is served by a task"
        self._task = task
        self._cancelling = task.cancelling()
        self._sweeper.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sweeper.remove(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None  # else the two hold each other, and only the garbage collector frees them
        # The cancellation was ours, and nobody else wants this task to end: then the reason is the news.
        if self._reason is not None and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            reason, self._reason = self._reason, None
            try:
                raise reason from None
            finally:
                del reason  # its traceback holds this frame: else only the garbage collector would free both

    def listen(self) -> None:
        """The body is read: all that the client can say from now on is that it is gone."""
        self._may_listen = True
        if self._timer is not None:
            self._start_listening()

    def start_timer(self, now: float) -> None:
        """It is late: from now on the deadline and the client's end are noticed at once."""
        self._timer = self._sweeper.loop.call_later(max(0.0, self.ends_at - now), self._expire)
        if self._may_listen:
            self._start_listening()

    def _start_listening(self) -> None:
        self._listener = self._sweeper.loop.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass  # the rest of a body that was complete already
        self._interrupt(ClientGone())

    def _expire(self) -> None:
        if self._may_listen:
            reason = Problem(FailureCode.EXPIRED, f"There was no answer within {self.seconds:g} seconds.")
        else:
            reason = Problem("request_timeout", f"The body did not arrive within {self.seconds:g} seconds.")
        self._interrupt(reason)

    def _interrupt(self, reason: Exception) -> None:
        if self._reason is None:
            self._reason = reason
            self._task.cancel()


class DeadlineSweeper:
    """While there are requests it looks for late ones again and again, and starts the timers of those."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._without_timer: dict[RequestDeadline, None] = {}  # in the order of arrival
        self._next_sweep: asyncio.TimerHandle | None = None

    @cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Asked for once: before Python 3.12 each time is a system call."""
        return asyncio.get_running_loop()

    def over(self, receive: Receive, started: float, seconds: float) -> RequestDeadline:
        """The deadline of a request that started then (our clock) and may take so many seconds."""
        return RequestDeadline(self, receive, started, seconds)

    def add(self, request: RequestDeadline) -> None:
        """The work for this request begins."""
        if request.seconds <= LATE + SWEEP_PERIOD:
            request.start_timer(self._clock())  # the next sweep may be too late
            return
        self._without_timer[request] = None
        if self._next_sweep is None:
            self._plan_sweep()

    def remove(self, request: RequestDeadline) -> None:
        """It has ended."""
        self._without_timer.pop(request, None)

    def _plan_sweep(self) -> None:
        self._next_sweep = self.loop.call_later(SWEEP_PERIOD, self._sweep)

    def _sweep(self) -> None:
        now = self._clock()
        for request in list(takewhile(lambda request: now - request.started >= LATE, self._without_timer)):
            del self._without_timer[request]
            request.start_timer(now)
        self._next_sweep = None
        if self._without_timer:
            self._plan_sweep()
