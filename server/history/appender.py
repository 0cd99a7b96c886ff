"""The long-lived task that brings rows to the broker, on a connection of its own. Nobody waits for it: what it cannot
bring in time is dropped and counted."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from broker.common.throttled_log import ThrottledLog
from broker.contract import FrontEndBroker
from broker.errors import BrokerError, BrokerUnavailable
from broker.history.contract import HistoryAppender
from broker.history.rows import block_of
from server.history.ring import ROOM, Ring

log = structlog.get_logger("server.history")

GATHER = 0.1  # seconds that the first row waits for others
AT_ONCE = 16  # blocks in one trip
NO_ROOM_PAUSE = 1.0  # seconds until the list is asked again whether it has room
REFUSED_PAUSE = 5.0  # seconds until the broker is asked again that refuses our command
HAND_OVER = 1.0  # seconds that a front end that ends has for what it still holds
ENDING_PAUSE = 0.05  # seconds between two tries then
REASONS = ("broker_away", "behind", "no_room", "refused", "unreadable", "ending")  # for which rows are dropped
NO_ROOM_REMEDY = "is `jitney history run` running, and can it write? see `jitney status`"


class Appender:
    """Rows wait here from `add` until the broker has them."""

    def __init__(self, ring: Ring | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.ring = Ring() if ring is None else ring
        self.fates: dict[tuple[str, ...], int] = defaultdict(int)  # rows, ever, by fate and reason
        self.ticked, self.rests = clock(), True
        self._clock = clock
        self._untold = 0  # rows that were dropped, and the broker does not know
        self._hindrance = ""  # to bringing rows, as last seen
        self.gather: Callable[[], None] = lambda: None  # adds rows that are not made yet
        self._some, self._is_ending = asyncio.Event(), asyncio.Event()
        self._dropped, self._refused, self._no_room = (ThrottledLog(log.warning, clock) for _ in range(3))

    def add(self, row: bytes) -> None:
        """This row is to be brought. One that fits into no block is lost: it would hold up all behind it."""
        if len(row) > ROOM:
            self.drop(1, "unreadable")
        elif self.ring.add(row):
            self._some.set()
        else:
            self.drop(1, "broker_away" if self.rests else self._hindrance or "behind")

    def expect(self) -> None:
        """There is something to `gather`."""
        self._some.set()

    def drop(self, rows: int, reason: str) -> None:
        """So many were lost."""
        self.fates["dropped", reason] += rows
        self._untold += rows
        self._dropped("history rows dropped", times=rows, reason=reason)

    async def run(self, broker: FrontEndBroker) -> None:
        """Bring what has gathered, again and again."""
        while True:
            await self._some.wait()
            await self._pause(GATHER)
            self.ticked = self._clock()
            self.gather()
            try:
                await self._bring(broker.history)
            except BrokerUnavailable:
                raise
            except BrokerError as error:  # as where our user may not, or the key holds something else
                self._hindrance = "refused"
                self._refused(
                    "history not brought", reason=str(error), remedy="docs/acl, jitney doctor --role front-end"
                )
                await self._pause(REFUSED_PAUSE)

    async def hand_over(self) -> None:
        """This front end ends: what is left goes now, or never."""
        self._is_ending.set()
        self.gather()
        with suppress(TimeoutError):
            async with asyncio.timeout(HAND_OVER):
                while self.ring and not self.rests:
                    await asyncio.sleep(0.01)
        if left := len(self.ring):
            self.drop(left, "ending")

    async def _bring(self, history: HistoryAppender) -> None:
        if not self.ring:
            self._some.clear()
            return
        portions = self.ring.portions(1 if self._hindrance else AT_ONCE)
        untold = self._untold
        taken = await history.append_history([block_of(rows) for rows in portions], untold)
        self._untold -= untold
        self._took(portions[:taken])
        self._hindrance = "" if taken == len(portions) else "no_room"
        if self._hindrance:
            self._no_room("history not brought", reason="the broker has no room", remedy=NO_ROOM_REMEDY)
            await self._pause(NO_ROOM_PAUSE)

    def _took(self, portions: Sequence[Sequence[bytes]]) -> None:
        rows = sum(map(len, portions))
        self.ring.take(rows)
        self.fates["appended", ""] += rows
        if not self.ring:
            self._some.clear()
            self.gather()  # meanwhile more may have come

    async def _pause(self, seconds: float) -> None:
        """So long, but hardly where this front end ends."""
        if self._is_ending.is_set():
            await asyncio.sleep(ENDING_PAUSE)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_ending.wait()
