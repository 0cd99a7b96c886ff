"""What is kept of somebody, or of an input, deleted for good."""

from __future__ import annotations

from history.databases.contract import Database, Dialect
from history.reading.queries import Query, Selection

STEP = 5_000  # rows that are deleted at once: a writer of the same file waits for so long
EMPTY_LOG = "pragma wal_checkpoint(truncate)"


async def count(database: Database, selection: Selection) -> int:
    """How many rows these are. Raises `HistoryError`."""
    query = Query(database.dialect)
    sql = f"select count(*) from prediction where {query.condition(selection)}"
    [found] = await database.fetch(sql, *query.values)
    return int(found[0])


async def erase(database: Database, selection: Selection) -> int:
    """How many rows are gone, those that came meanwhile too. Raises `HistoryError`."""
    query = Query(database.dialect)
    chosen = f"select at, id from prediction where {query.condition(selection)} limit {query.bound(STEP)}"
    sql = f"delete from prediction where (at, id) in ({chosen})"
    gone = 0
    while step := await database.execute(sql, *query.values):
        gone += step
    if database.dialect is Dialect.SQLITE:
        await database.fetch(EMPTY_LOG)  # which has them too
    return gone
