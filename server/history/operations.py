"""The address of the history, as the OpenAPI document describes it."""

from __future__ import annotations

from server.api.operation import ALWAYS, Operation
from server.history.schema import PATH, HistoryPage, HistoryQuery

HISTORY = (
    Operation(
        method="get",
        path=PATH,
        summary="What became of records, newest first: for keys with the right history",
        query=HistoryQuery,
        reply=HistoryPage,
        problems=(*ALWAYS, 403, 404, 503),
    ),
)
