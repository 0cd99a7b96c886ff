"""GET /history: what is kept, page by page, for those who may read it. The database may be away: nothing else waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from broker.common.throttled_log import ThrottledLog
from broker.history.rows import HistoryRow
from history.databases.errors import HistoryError
from history.reading.csv import csv_lines
from history.reading.queries import MOST, Cursor, Selection, cursor_to_text
from history.reading.reader import HistoryReader
from server.errors import ClientGone, Problem
from server.front_end import FrontEnd
from server.history.asked import cursor_from, query_from, selection_from
from server.history.schema import COLUMNS, PATH, HistoryPage, cells_of, entry_of
from server.http.at_once import AtOnce

log = structlog.get_logger("server.history")

NO_KEYS = "The history is read with a key: start front ends with --api-keys on; jitney keys add NAME --rights history."
NO_DATABASE = "Front ends here read no history: start them with --history-database, as its writer is."
AWAY = "The database of the history does not answer at the moment."
NO_TIME = "A time must lie in the years 0001 to 9999 of UTC."
BUSY = "The history is read by too many at the moment."
LATE = "it has not answered in time"
MOST_AT_ONCE, MOST_WAITING = 2, 16
PATIENCE = 10.0  # seconds
PAUSE = 5.0  # seconds until one should ask again
HEADERS = {
    "cache-control": "no-store",
    "content-disposition": 'attachment; filename="history.csv"',
    "x-content-type-options": "nosniff",
}


class HistoryPages:
    """All that one front end reads of it."""

    def __init__(self, front_end: FrontEnd, reader: HistoryReader) -> None:
        self._front_end = front_end
        self._reader = reader
        self._looks = asyncio.Semaphore(MOST_AT_ONCE)
        self._asked = AtOnce(MOST_WAITING, BUSY)
        self._warn = ThrottledLog(log.warning, front_end.clock)

    async def answer(self, request: Request) -> Response:
        caller = request.scope["context"].caller
        caller.check_right("history")
        query = query_from(request.query_params)
        try:
            selection, after = selection_from(query, caller), cursor_from(query)
        except OverflowError:
            raise Problem("malformed", NO_TIME) from None
        if query.model:
            selection = msgspec.structs.replace(selection, model=self._front_end.called(query.model))
        first = await self._rows(selection, query.limit, after)
        if query.format == "json":
            return _json(first, query.limit)
        lines = self._lines(selection, query.limit, first)
        return StreamingResponse(lines, media_type="text/csv; header=present", headers=HEADERS)

    async def _rows(self, selection: Selection, limit: int, after: Cursor | None) -> list[HistoryRow]:
        """Raises `Problem`."""
        try:
            with self._asked.one():
                async with asyncio.timeout(PATIENCE), self._looks:
                    return await self._reader.rows(selection, limit, after)
        except (HistoryError, TimeoutError) as error:
            self._warn("history not read", why=str(error) or LATE)
            raise Problem("history_unavailable", AWAY, retry_after=PAUSE) from error

    async def _lines(self, selection: Selection, limit: int, page: list[HistoryRow]) -> AsyncIterator[str]:
        """One page in memory at a time, and no connection while its reader reads. Raises `ClientGone` where not all of
        it can be sent: the connection ends before the end."""
        yield csv_lines([COLUMNS])
        while page:
            yield csv_lines(map(cells_of, page))
            if (limit := limit - len(page)) <= 0:
                return
            try:
                page = await self._rows(selection, limit, _behind(page))
            except Problem as problem:
                raise ClientGone from problem


def history_page(front_end: FrontEnd) -> Route:
    """The address, also where nothing is read: then it says what that takes."""
    settings = front_end.settings
    if front_end.authentication is None or not settings.history_database:
        missing = NO_KEYS if front_end.authentication is None else NO_DATABASE

        async def off(request: Request) -> Response:
            raise Problem("not_found", missing)

        return Route(PATH, off, methods=["GET"])
    from history.databases.place import open_database  # who reads none needs no database's library

    reader = HistoryReader(partial(open_database, settings.history_database, is_readonly=True))
    return Route(PATH, HistoryPages(front_end, reader).answer, methods=["GET"])


def _json(rows: list[HistoryRow], limit: int) -> Response:
    is_full = len(rows) == min(limit, MOST)
    page = HistoryPage(rows=list(map(entry_of, rows)), cursor=cursor_to_text(_behind(rows)) if is_full else None)
    return Response(msgspec.json.encode(page), media_type="application/json", headers={"cache-control": "no-store"})


def _behind(rows: list[HistoryRow]) -> Cursor:
    return Cursor(rows[-1].at, rows[-1].id)
