"""Requests that take long are watched: for their deadline, and for a client that hangs up.

Most answers are back within a tenth of a second. A timer or two for each request took a tenth of all time, so one timer
looks after all of them, and only the late ones get their own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import takewhile
from types import TracebackType

from starlette.types import Receive

from broker.messages import FailureCode
from server.errors import ClientGone, Problem

LATE = 0.1  # seconds until a request is watched
ROUND = 0.05  # seconds between looks for late ones


class RequestDeadline:
    """Around the work for one request: the `with` raises `Problem` at its deadline and `ClientGone` when that is so."""

    __slots__ = (
        "_cancelling",
        "_listener",
        "_may_listen",
        "_reason",
        "_receive",
        "_task",
        "_timer",
        "_watch",
        "seconds",
        "started",
    )

    def __init__(self, watch: DeadlineSweeper, receive: Receive, started: float, seconds: float) -> None:
        self._watch = watch
        self._receive = receive
        self.started = started
        self.seconds = seconds
        self._may_listen = False
        self._reason: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._listener: asyncio.Task[None] | None = None

    @property
    def deadline(self) -> float:
        return self.started + self.seconds

    def __enter__(self) -> RequestDeadline:
        task = asyncio.current_task()
        assert task is not None, "a request is served by a task"
        self._task = task
        self._cancelling = task.cancelling()
        self._watch.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.remove(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None  # else its end would hold us, and we it: garbage that only the collector finds
        # The cancellation was ours, and nobody else wants this task to end: then the reason is the news.
        if self._reason is not None and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._reason from None

    def listen(self) -> None:
        """The body is read: all that the client can say from now on is that it is gone."""
        self._may_listen = True
        if self._timer is not None:
            self._start_listening()

    def begin(self, now: float) -> None:
        """It is late: look out for the deadline and for the client."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, self.deadline - now), self._expire)
        if self._may_listen:
            self._start_listening()

    def _start_listening(self) -> None:
        self._listener = asyncio.get_running_loop().create_task(self._until_gone())

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
    """Makes its rounds while there are requests, and begins the vigil of those that have become late."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._young: dict[RequestDeadline, None] = {}  # in the order of arrival
        self._round: asyncio.TimerHandle | None = None

    def over(self, receive: Receive, started: float, seconds: float) -> RequestDeadline:
        """A vigil for a request that started then (our clock) and may take so many seconds."""
        return RequestDeadline(self, receive, started, seconds)

    def add(self, vigil: RequestDeadline) -> None:
        if vigil.seconds <= LATE + ROUND:
            vigil.begin(self._clock())  # the next round may be too late
            return
        self._young[vigil] = None
        if self._round is None:
            self._plan_round()

    def remove(self, vigil: RequestDeadline) -> None:
        self._young.pop(vigil, None)

    def _plan_round(self) -> None:
        self._round = asyncio.get_running_loop().call_later(ROUND, self._look)

    def _look(self) -> None:
        now = self._clock()
        for vigil in list(takewhile(lambda vigil: now - vigil.started >= LATE, self._young)):
            del self._young[vigil]
            vigil.begin(now)
        self._round = None
        if self._young:
            self._plan_round()
