"""What is kept of somebody, or of an input, deleted for good."""

from __future__ import annotations

from history.databases.contract import Database, Dialect
from history.reading.queries import Query, Selection

STEP = 5_000  # rows that are deleted at once: a writer of the same file waits for so long
EMPTY_LOG = "pragma wal_checkpoint(truncate)"
ONLY_HASHES = "select exists (select 1 from prediction where input_hash is not null and input is null)"


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
    return gone


async def empty_log(database: Database) -> bool:
    """Of what is erased nothing is left in SQLite's log either. False: somebody reads or writes, so it may be. Raises
    `HistoryError`."""
    if database.dialect is not Dialect.SQLITE:
        return True
    [found] = await database.fetch(EMPTY_LOG)
    return not found["busy"]


async def has_only_hashes(database: Database) -> bool:
    """There are rows that keep their input as a hash, and no text. Raises `HistoryError`."""
    [found] = await database.fetch(ONLY_HASHES)
    return bool(found[0])
