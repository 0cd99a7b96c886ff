"""What is asked of the kept rows, as SQL: values are bound, none is ever written into it. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from history.databases.columns import COLUMNS, text_of
from history.databases.contract import Dialect

MOST = 1_000  # rows of one page
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ID = 16  # bytes


class Selection(Struct, frozen=True, kw_only=True):
    """Which rows; what is not said allows any. Times are microseconds since 1970."""

    model: str = ""
    label: str = ""
    code: str = ""
    caller: str | None = None  # "": of nobody's key
    since: int | None = None
    until: int | None = None  # and not that one
    input: str = ""
    input_hash: bytes = b""  # of the same input; both are looked for


class Cursor(Struct, frozen=True):
    """A row behind which others come: older ones, and of its own microsecond those with a smaller id."""

    at: int
    id: bytes


def cursor_to_text(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(cursor.at.to_bytes(8) + cursor.id).decode()


def cursor_from_text(text: str) -> Cursor:
    """Raises `ValueError`."""
    try:
        read = base64.urlsafe_b64decode(text.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("no cursor") from None
    if len(read) != 8 + ID or read[0] > 0:
        raise ValueError("no cursor")
    return Cursor(int.from_bytes(read[:8]), read[8:])


def to_datetime(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


def to_microseconds(at: datetime) -> int:
    """Raises `OverflowError` where it lies in no year from 1 to 9999 of UTC: `to_datetime` could not give it back."""
    return (at.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)


@dataclass(slots=True)
class Query:
    """SQL, and the values that are bound in it in their order."""

    dialect: Dialect
    values: list[Any] = field(default_factory=list)

    def bound(self, value: Any) -> str:
        """Where it stands in the SQL."""
        self.values.append(value)
        return f"${len(self.values)}"

    def at(self, moment: int) -> str:
        return self.bound(to_datetime(moment) if self.dialect is Dialect.POSTGRESQL else moment)

    def id(self, id: bytes) -> str:
        return self.bound(UUID(bytes=id) if self.dialect is Dialect.POSTGRESQL else id)

    def condition(self, selection: Selection, after: Cursor | None = None) -> str:
        """That a row is selected."""
        equal = {"model": selection.model, "label": selection.label, "code": selection.code}
        said = [f"{name} = {self.bound(value)}" for name, value in equal.items() if value]
        if selection.caller is not None:
            said.append(f"caller = {self.bound(selection.caller)}")
        if selection.since is not None:
            said.append(f"at >= {self.at(selection.since)}")
        if selection.until is not None:
            said.append(f"at < {self.at(selection.until)}")
        if selection.input or selection.input_hash:
            said.append(self._input(selection.input, selection.input_hash))
        if after is not None:
            said.append(self._after(after))
        return " and ".join(said) or "true"

    def _after(self, cursor: Cursor) -> str:
        at = self.at(cursor.at)
        # The first part lets PostgreSQL leave out whole partitions.
        return f"at <= {at} and (at, id) < ({at}, {self.id(cursor.id)})"

    def _input(self, text: str, hash: bytes) -> str:
        """The text itself; one that was cut where it goes on; its hash. What is not kept equals nothing."""
        said = [f"input_hash = {self.bound(hash)}"] if hash else []
        if text:
            whole = self.bound(text_of(text))
            said += [f"input = {whole}", f"is_cut and substr({whole}, 1, length(input)) = input"]
        return f"({' or '.join(said)})"


def page(dialect: Dialect, selection: Selection, most: int, after: Cursor | None = None) -> tuple[str, list[Any]]:
    """Rows, newest first."""
    query = Query(dialect)
    columns, condition = ", ".join(COLUMNS), query.condition(selection, after)
    limit = query.bound(min(most, MOST))
    return f"select {columns} from prediction where {condition} order by at desc, id desc limit {limit}", query.values
