"""Histories with rows in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from broker.history.rows import HistoryRow
from history.databases.contract import Database
from history.databases.months import span_of
from history.databases.place import open_database
from history.reading.reader import HistoryReader
from tests.integration.history.rows import NOW

KEPT = 180 * 86_400.0  # seconds


async def migrated(place: str, **how: Any) -> Database:
    """With room for rows of `NOW`."""
    database = open_database(place, **how)
    await database.migrate()
    await database.maintain(span_of(NOW, KEPT))
    return database


@asynccontextmanager
async def opened(place: str, *rows: HistoryRow, now: float = NOW) -> AsyncIterator[Database]:
    """A history of these rows, to be written to."""
    database = open_database(place)
    try:
        await database.migrate()
        await database.maintain(span_of(now, KEPT))
        await database.insert(rows)
        yield database
    finally:
        await database.aclose()


async def reader_of(place: str, rows: Sequence[HistoryRow]) -> HistoryReader:
    """Of a history of these rows."""
    async with opened(place, *rows):
        return HistoryReader(lambda: open_database(place, is_readonly=True))
