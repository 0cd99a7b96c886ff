"""What the history wants of a database: rows go in once, old ones go, and SQL is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from broker.history.rows import HistoryRow
from history.databases.months import Span


class Dialect(StrEnum):
    """Whose SQL."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


class Row(Protocol):
    """Of a query: a value by its place or its column's name."""

    def __getitem__(self, key: Any, /) -> Any: ...
    def __len__(self) -> int: ...


class Database(Protocol):
    """One connection to a database, made when it is first needed and made again after an error.

    Values stand in SQL as $1, $2 … in both dialects. Every method may raise `DatabaseUnavailable`, and `DatabaseUnfit`
    where trying again will not help.
    """

    dialect: Dialect
    name: str  # for people: without a password

    async def fetch(self, sql: str, *values: Any) -> Sequence[Row]:
        """What a query finds."""
        ...

    async def execute(self, sql: str, *values: Any) -> int:
        """How many rows that statement changed."""
        ...

    async def migrate(self) -> None:
        """Bring the schema, and the views, to what this release knows. Does nothing where they are that."""
        ...

    async def insert(self, rows: Sequence[HistoryRow]) -> int:
        """All of these in one transaction; those that are there already stay as they are. Returns how many were new.
        Raises `RowsRefused` where something in a row cannot be stored: then none is there."""
        ...

    async def maintain(self, span: Span) -> bool:
        """Make room for the rows of these months, and remove what is no longer kept. True: there is more to remove."""
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


Migrations = Mapping[Dialect, Sequence[Sequence[str]]]  # per dialect, version after version, the statements of each
