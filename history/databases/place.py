"""Where a history lies: a URL, or a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from history.databases.contract import Database
from history.databases.errors import DatabaseUnfit
from history.databases.schema import SCHEMA, Schema
from history.databases.sqlite import SqliteDatabase

ANSWER = 10.0  # seconds
POSTGRESQL = ("postgresql", "postgres")
SPELLED = "postgresql://user:password@host:5432/name, sqlite:///relative.db, sqlite:////absolute.db, or a path"


def open_database(
    place: str, *, is_readonly: bool = False, patience: float = ANSWER, schema: Schema = SCHEMA
) -> Database:
    """Connects to nothing yet. `patience`: seconds that a statement may take. Raises `DatabaseUnfit` for what names no
    database, or one whose library is missing."""
    how: dict[str, Any] = {"is_readonly": is_readonly, "patience": patience, "schema": schema}
    scheme, has_scheme, rest = place.partition("://")
    if not has_scheme and place:
        return SqliteDatabase(Path(place), **how)
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteDatabase(Path(unquote(rest[1:])), **how)
    if scheme in POSTGRESQL:
        from history.databases.postgres import PostgresDatabase  # the writer of a file needs no asyncpg

        return PostgresDatabase(place, **how)
    raise DatabaseUnfit(f"this names no database of the history: write {SPELLED}")
