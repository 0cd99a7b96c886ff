"""The writer's loop: a page of blocks, one transaction, trim; and again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Protocol

import structlog

from broker.common.backoff import Backoff
from broker.common.throttled_log import ThrottledLog
from broker.errors import BrokerError
from broker.history.contract import HistoryQueue, WriterBeat
from history.databases.contract import Database
from history.databases.errors import DatabaseUnavailable, DatabaseUnfit, HistoryError
from history.databases.months import span_of
from history.databases.schema import end_turn, take_turn
from history.writing.counts import Counts
from history.writing.rows import Rows

log = structlog.get_logger("history")

MOST = 16  # blocks of a page, so at most a mebibyte in one transaction
POLL, STANDBY = 0.25, 1.0  # seconds between looks: at a list that was empty, and at another writer's turn
# Seconds that a turn lasts, and after which it is taken again. A lock that ends with its session would be held for
# hours by a writer whose machine is gone, and not at all behind a pooler.
TURN, RENEW = 5.0, 1.5
BEAT = 2.0
UPKEEP, UPKEEP_AGAIN = 3600.0, 60.0  # seconds between two, and after one that did not succeed
FINISH = 5.0  # seconds that it goes on writing after it was told to stop


class Clock(Protocol):
    """As the module `time`."""

    def time(self) -> float: ...
    def monotonic(self) -> float: ...


class Writer:
    """Writes while it is its turn. Everything may come twice: rows have their keys, and pages are trimmed once."""

    def __init__(
        self, queue: HistoryQueue, database: Database, counts: Counts, *, name: str, keep: float, clock: Clock = time
    ) -> None:
        self._queue, self._database, self._counts = queue, database, counts
        self._name, self._keep, self._clock = name, keep, clock
        self._rows = Rows(database, counts)
        self._span = span_of(clock.time(), keep)
        self._is_prepared = False
        self._told: bool | None = None  # what the log has said of whose turn it is; None: nothing yet
        self._renew_at = self._upkeep_at = self._beat_at = float("-inf")
        self._most = MOST
        self._has_all = False  # the last page had all that waited
        self._error = ""
        self._failing = ThrottledLog(log.warning)
        self._backoff = Backoff(0.2, 2.0)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until it is told to stop. Raises `DatabaseUnfit`."""
        while not stopping.is_set():
            pause = await self._step()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stopping.wait()
        await self._finish()

    async def _finish(self) -> None:
        """Front ends end before us: what they have brought is written if that goes quickly."""
        until, self._has_all = self._clock.monotonic() + FINISH, False
        while not self._has_all and self._counts.leads and self._clock.monotonic() < until:
            if pause := await self._step():
                await asyncio.sleep(pause)
        with contextlib.suppress(HistoryError):
            sql, values = end_turn(self._name)
            await self._database.execute(sql, *values)

    async def _step(self) -> float:
        """One page. How many seconds to wait before the next."""
        try:
            pause = await self._write_page()
            self._recover()
        except DatabaseUnfit as error:
            self._error = str(error)
            await self._beat()
            raise
        except (DatabaseUnavailable, BrokerError) as error:
            pause = self._fail(error)
        if self._clock.monotonic() >= self._beat_at:
            await self._beat()
        return pause

    async def _write_page(self) -> float:
        if not await self._has_turn():
            return STANDBY
        await self._keep_up()
        page = await self._queue.history_page(self._most)
        await self._rows.insert(self._rows.read(page.blocks, self._span))
        if page.blocks and not await self._queue.trim_history(page.trimmed, len(page.blocks)):
            log.info("page of the history trimmed by somebody else", blocks=len(page.blocks))
        self._has_all = len(page.blocks) < self._most
        if self._has_all:
            self._counts.behind_since = self._clock.monotonic()
        return POLL if self._has_all else 0.0

    async def _has_turn(self) -> bool:
        now = self._clock.monotonic()
        if now < self._renew_at:
            return True
        if not self._is_prepared:
            await self._database.migrate()
            self._is_prepared = True
        sql, values = take_turn(self._database.dialect, self._name, TURN)
        has = await self._database.execute(sql, *values) == 1
        if has is not self._told:
            log.info("writing the history" if has else "another writer has its turn", database=self._database.name)
        self._told = self._counts.leads = has
        self._counts.behind_since = self._counts.behind_since or now
        self._renew_at = now + RENEW if has else now
        return has

    async def _keep_up(self) -> None:
        """Room for new months, none for old rows. Where that has to wait for a report, rows are written meanwhile."""
        now, self._span = self._clock.monotonic(), span_of(self._clock.time(), self._keep)
        if now < self._upkeep_at:
            return
        self._upkeep_at = now + UPKEEP_AGAIN
        try:
            has_more = await self._database.maintain(self._span)
            self._upkeep_at = now if has_more else now + UPKEEP
        except DatabaseUnavailable as error:
            self._counts.errors += 1
            log.warning("history not kept up: it is tried again", seconds=UPKEEP_AGAIN, error=str(error))

    def _fail(self, error: Exception) -> float:
        self._counts.errors += 1
        self._counts.up = False
        if isinstance(error, HistoryError):
            self._error = str(error)
            # The next page is a small one, in case this one took too long. The database may be another one by now.
            self._most, self._is_prepared = 1, False
            self._renew_at = self._upkeep_at = float("-inf")
        self._failing("history not written", database=self._database.name, error=str(error))
        return self._backoff.pause()

    def _recover(self) -> None:
        self._most, self._error, self._counts.up = MOST, "", True
        self._backoff.reset()
        if self._failing.is_over():
            log.info("history is written again", database=self._database.name)

    async def _beat(self) -> None:
        """Whoever stands by says nothing of itself: operators see who writes, or why nobody does."""
        self._beat_at = self._clock.monotonic() + BEAT
        if not (self._counts.leads or self._error):
            return
        beat = WriterBeat(
            writer=self._name, database=self._database.name, written=self._counts.written, error=self._error
        )
        with contextlib.suppress(BrokerError):
            await self._queue.beat_history(beat)
