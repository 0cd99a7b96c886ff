"""From blocks to rows in the database: what cannot be read or stored costs itself alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import structlog
from msgspec.structs import replace

from broker.common.throttled_log import ThrottledLog
from broker.history.rows import HistoryRow, rows_of
from history.databases.contract import Database
from history.databases.errors import RowsRefused
from history.databases.months import Span
from history.writing.counts import Counts

log = structlog.get_logger("history")


class Rows:
    """Reads blocks, and inserts what is in them."""

    def __init__(self, database: Database, counts: Counts) -> None:
        self._database, self._counts = database, counts
        self._unread, self._refused = ThrottledLog(log.error), ThrottledLog(log.error)

    def read(self, blocks: Sequence[bytes], span: Span) -> list[HistoryRow]:
        """Their rows, each within the months that there is room for."""
        return [self._clamped(row, span) for block in blocks for row in self._rows_of(block)]

    def _rows_of(self, block: bytes) -> Iterator[HistoryRow]:
        try:
            yield from rows_of(block)
        except ValueError as error:  # its message may repeat what it has read
            self._counts.unread += 1
            self._unread("block of the history dropped: it cannot be read", kind=type(error).__name__, bytes=len(block))

    def _clamped(self, row: HistoryRow, span: Span) -> HistoryRow:
        at = span.clamp(row.at)
        if at == row.at:
            return row
        self._counts.clamped += 1
        return replace(row, at=at)

    async def insert(self, rows: Sequence[HistoryRow]) -> None:
        """All of them but those that the database refuses, found by halves."""
        if not rows:
            return
        try:
            new = await self._database.insert(rows)
            self._counts.written += new
            self._counts.repeated += len(rows) - new
        except RowsRefused as error:
            if len(rows) == 1:
                self._counts.refused += 1
                self._refused("row of the history dropped: the database refuses it", kind=str(error))
                return
            middle = len(rows) // 2
            await self.insert(rows[:middle])
            await self.insert(rows[middle:])
