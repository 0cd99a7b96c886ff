"""The rows and the reports of a history, read by a connection that changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any
from uuid import UUID

from broker.history.rows import HistoryRow
from history.databases.columns import COLUMNS
from history.databases.contract import Database, Row
from history.reading.queries import Cursor, Query, Selection, page, to_datetime, to_microseconds
from history.views import REPORTS

MOST_OF_A_REPORT = 100_000  # rows
TO_SECONDS = 19  # characters of a time, without its fraction


class HistoryReader:
    """It has a connection for each look: nothing has to be watched or closed in between. Raises `HistoryError`."""

    def __init__(self, connect: Callable[[], Database]) -> None:
        self._connect = connect

    async def rows(self, selection: Selection, most: int, after: Cursor | None = None) -> list[HistoryRow]:
        """Newest first, those behind the cursor, `queries.MOST` of them at most."""
        async with aclosing(self._connect()) as database:
            sql, values = page(database.dialect, selection, most, after)
            return [row_of(_values(found)) for found in await database.fetch(sql, *values)]

    async def report(self, name: str, selection: Selection, most: int = MOST_OF_A_REPORT) -> list[list[Any]]:
        """One of `REPORTS`, in the order of its columns: a text, a number or nothing in each cell."""
        async with aclosing(self._connect()) as database:
            one, query = REPORTS[name], Query(database.dialect)
            body = one.of(database.dialect, query.condition(selection))
            columns, limit = ", ".join(one.columns), query.bound(most)
            sql = f"select {columns} from ({body}) as report order by {one.order} limit {limit}"
            found = await database.fetch(sql, *query.values)
            return [list(map(_cell, one.columns, _values(row))) for row in found]


def row_of(values: Sequence[Any]) -> HistoryRow:
    """As it was brought, whichever database has kept it."""
    found = {name: value for name, value in zip(COLUMNS, values, strict=True) if value is not None}
    found |= {"at": _microseconds(found["at"]), "id": _bytes(found["id"])}
    found |= {name: bool(found[name]) for name in ("is_cut", "is_cached")}
    return HistoryRow(**found | {"output": found.get("output", "").encode()})


def _values(row: Row) -> list[Any]:
    return [row[at] for at in range(len(row))]


def _microseconds(at: datetime | int) -> int:
    return at if isinstance(at, int) else to_microseconds(at)


def _bytes(id: UUID | bytes) -> bytes:
    return id.bytes if isinstance(id, UUID) else id


def _cell(column: str, value: Any) -> Any:
    if column == "id":
        return _bytes(value).hex()
    if column == "at":
        value = to_datetime(_microseconds(value))
    if isinstance(value, datetime):
        return str(value)[:TO_SECONDS]
    return value if value is None or isinstance(value, int | float) else str(value)
