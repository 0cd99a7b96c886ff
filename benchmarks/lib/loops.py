"""The two ways of sending: after the last answer (closed loop), or when it is due (open loop)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

UNSENT = "unsent"
PAUSE = 0.05  # seconds a client of the closed loop rests after a connection that failed: it would spin otherwise


@dataclass(frozen=True, slots=True)
class Call:
    """One request; times are seconds from the start of the run. `took` counts from when it was due."""

    due: float
    sent: float  # `due` and what the client was late
    ended: float
    outcome: str  # the status, or what stood in its way
    timing: bytes = b""  # Server-Timing, as it came

    @property
    def took(self) -> float:
        return self.ended - self.due

    @property
    def late(self) -> float:
        return self.sent - self.due


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request."""

    outcome: str
    timing: bytes = b""


Send = Callable[[int, float], Awaitable[Answer]]  # the request's number, and the seconds it may take; never raises


@dataclass(slots=True, kw_only=True)
class Sender:
    """Sends, and writes down how each call went, in the order in which they ended."""

    send: Send
    timeout: float  # seconds from when a request was due until it is given up
    clock: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    calls: list[Call] = field(default_factory=list)
    started: float = 0.0

    async def closed(self, clients: int, seconds: float) -> None:
        """So many clients, each of which sends again as soon as it is answered."""
        self.started = self.clock()

        async def one(client: int) -> None:
            number = client
            while (now := self.now()) < seconds:
                call = await self._call(number, now)
                number += clients
                if not call.outcome.isdigit():
                    await self.sleep(PAUSE)

        async with asyncio.TaskGroup() as group:
            for client in range(clients):
                group.create_task(one(client))

    async def open(self, dues: Iterable[float], max_in_flight: int) -> None:
        """Each request when it is due, whatever became of the others: a slow answer delays nobody.

        Beyond `max_in_flight` a request waits for a place, and the time it waits is its own: still counted from when it
        was due. One that finds none before its timeout is written down as unsent.
        """
        self.started = self.clock()
        places = asyncio.Semaphore(max_in_flight)
        async with asyncio.TaskGroup() as group:
            for number, due in enumerate(dues):
                await self.sleep(max(0.0, due - self.now()))
                await places.acquire()
                now = self.now()
                if now - due >= self.timeout:
                    places.release()
                    self.calls.append(Call(due, now, now, UNSENT))
                else:
                    group.create_task(self._call(number, due)).add_done_callback(lambda task: places.release())

    async def _call(self, number: int, due: float) -> Call:
        sent = self.now()
        answer = await self.send(number, due + self.timeout - sent)
        call = Call(due, sent, self.now(), answer.outcome, answer.timing)
        self.calls.append(call)
        return call

    def now(self) -> float:
        """Seconds since the start of the run."""
        return self.clock() - self.started
