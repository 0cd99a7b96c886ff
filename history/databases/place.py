"""Where a history lies: a URL, or a path."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from history.databases.contract import Database
from history.databases.errors import DatabaseUnfit
from history.databases.schema import SCHEMA, Schema
from history.databases.sqlite import SqliteDatabase

POSTGRESQL = ("postgresql", "postgres")
SPELLED = "postgresql://user:password@host:5432/name, sqlite:///relative.db, sqlite:////absolute.db, or a path"


def open_database(place: str, *, is_readonly: bool = False, schema: Schema = SCHEMA) -> Database:
    """Connects to nothing yet. Raises `DatabaseUnfit` for what names no database, or one whose library is missing."""
    scheme, has_scheme, rest = place.partition("://")
    if not has_scheme and place:
        return SqliteDatabase(Path(place), is_readonly=is_readonly, schema=schema)
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteDatabase(Path(unquote(rest[1:])), is_readonly=is_readonly, schema=schema)
    if scheme in POSTGRESQL:
        from history.databases.postgres import PostgresDatabase  # the writer of a file needs no asyncpg

        return PostgresDatabase(place, is_readonly=is_readonly, schema=schema)
    raise DatabaseUnfit(f"this names no database of the history: write {SPELLED}")
