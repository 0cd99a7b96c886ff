"""What somebody asks of the history, as it may be asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from history.reading.queries import Cursor, Selection, cursor_from_text, to_microseconds
from server.callers.caller import Caller
from server.callers.owners import sees_all
from server.errors import Problem
from server.history.schema import HistoryQuery

DAY = re.compile(r"\d{4}-\d\d-\d\d")
TIMES = ("from", "to")
OTHERS = "Rows of other keys are for keys that have the right 'admin' too."
NO_CURSOR = "This is no cursor of a page: send the one that the page before has, as it is."


def query_from(sent: Mapping[str, str]) -> HistoryQuery:
    """Raises `Problem` (malformed)."""
    said = {name: f"{text}T00:00:00Z" if name in TIMES and DAY.fullmatch(text) else text for name, text in sent.items()}
    if nul := next((name for name, text in said.items() if "\0" in text), ""):
        raise Problem("malformed", "A value has a NUL character.", param=nul)
    try:
        return msgspec.convert(said, HistoryQuery, strict=False)
    except msgspec.ValidationError as error:
        raise Problem("malformed", f"{error}.") from None


def selection_from(query: HistoryQuery, caller: Caller) -> Selection:
    """Of a caller's own rows; of everybody's where it sees all. Raises `Problem` (not_allowed)."""
    if not sees_all(caller) and query.caller not in ("", caller.id):
        raise Problem("not_allowed", OTHERS)
    return Selection(
        model=query.model,
        label=query.label,
        code=query.code,
        caller=query.caller or (None if sees_all(caller) else caller.id),
        since=_moment(query.since),
        until=_moment(query.until),
    )


def cursor_from(query: HistoryQuery) -> Cursor | None:
    """Raises `Problem` (malformed)."""
    try:
        return cursor_from_text(query.cursor) if query.cursor else None
    except ValueError:
        raise Problem("malformed", NO_CURSOR, param="cursor") from None


def _moment(said: datetime | None) -> int | None:
    return None if said is None else to_microseconds(said if said.tzinfo else said.replace(tzinfo=UTC))
