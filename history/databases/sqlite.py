"""SQLite, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from broker.history.rows import HistoryRow
from history.databases.columns import COLUMNS, values_of
from history.databases.contract import Dialect
from history.databases.errors import DatabaseUnavailable, DatabaseUnfit, RowsRefused
from history.databases.months import Span, micros
from history.databases.schema import THERE, Schema

Found = TypeVar("Found")

LOCK = 5.0  # seconds to wait for another process that writes
LOOKS = 10_000  # steps of SQLite between two looks at the clock
STEP = 5_000  # rows that are removed at once, so that nobody waits long
INSERT = (
    f"insert into prediction ({', '.join(COLUMNS)}) values ({', '.join('?' * len(COLUMNS))}) on conflict do nothing"
)
REMOVE = (
    "delete from prediction where (at, id) in "
    f"(select at, id from prediction where at < $1 order by at, id limit {STEP})"
)
# Written to disk before `commit` returns, and what is removed is overwritten. Readers do not wait.
PRAGMAS = ("journal_mode = wal", "synchronous = full", "secure_delete = on")
NO_DATABASE = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


class SqliteDatabase:
    """Keeps `Database`."""

    dialect = Dialect.SQLITE

    def __init__(self, path: Path, *, is_readonly: bool, patience: float, schema: Schema) -> None:
        self.name = f"sqlite:{path}"
        self._path = path
        self._is_readonly = is_readonly
        self._patience = patience  # seconds, for each look: no thread is kept longer, whoever asks may have gone
        self._schema = schema
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._connection: sqlite3.Connection | None = None
        self._until = 0.0  # seconds, our clock: the end of a look

    async def fetch(self, sql: str, *values: Any) -> Sequence[Any]:
        return await self._run(lambda connection: connection.execute(sql, _named(values)).fetchall())

    async def execute(self, sql: str, *values: Any) -> int:
        return await self._run(lambda connection: connection.execute(sql, _named(values)).rowcount)

    async def migrate(self) -> None:
        await self._run(self._migrate)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        with _transaction(connection):
            is_there = connection.execute("select 1 from sqlite_master where name = 'history_meta'").fetchone()
            there = connection.execute(THERE).fetchone() if is_there else None
            for sql in self._schema.upgrade(self.dialect, there):
                connection.execute(sql)

    async def insert(self, rows: Sequence[HistoryRow]) -> int:
        def insert(connection: sqlite3.Connection) -> int:
            before = connection.total_changes
            with _transaction(connection):
                connection.executemany(INSERT, _records(rows))
            return connection.total_changes - before

        return await self._run(insert)

    async def maintain(self, span: Span) -> bool:
        removed = await self.execute(REMOVE, micros(span.kept_from))
        return removed == STEP

    async def aclose(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._forget)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[sqlite3.Connection], Found]) -> Found:
        self._until = time.monotonic() + self._patience
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._translated, work)
        except asyncio.CancelledError:
            self._until = 0.0  # nobody waits for that look any more: its thread ends it
            raise

    def _translated(self, work: Callable[[sqlite3.Connection], Found]) -> Found:
        try:
            return work(self._connected())
        except (OverflowError, UnicodeError, sqlite3.DataError) as error:
            raise RowsRefused(type(error).__name__) from None
        except (OSError, sqlite3.Error) as error:
            self._forget()
            raise self._ours(error) from None

    def _ours(self, error: Exception) -> Exception:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in NO_DATABASE:
            return DatabaseUnfit(f"{self._path} is no SQLite database, or is damaged: name another file")
        return DatabaseUnavailable(f"{self._path}: {getattr(error, 'strerror', None) or error}")

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self._is_readonly:  # what people have asked may stand in it: nobody else reads it
                os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            mode = "ro" if self._is_readonly else "rw"
            connection = sqlite3.connect(
                f"file:{quote(str(self._path))}?mode={mode}",
                timeout=LOCK,
                isolation_level=None,
                check_same_thread=False,
                uri=True,
            )
            self._connection = connection
            connection.row_factory = sqlite3.Row
            if self._is_readonly:
                connection.set_progress_handler(self._is_late, LOOKS)
            for pragma in () if self._is_readonly else PRAGMAS:
                connection.execute(f"pragma {pragma}")
        return self._connection

    def _is_late(self) -> bool:
        return time.monotonic() > self._until

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _records(rows: Sequence[HistoryRow]) -> list[list[Any]]:
    try:
        values = [values_of(row) for row in rows]
    except ValueError as error:
        raise RowsRefused(type(error).__name__) from None
    return [[one[name] for name in COLUMNS] for one in values]


def _named(values: Sequence[Any]) -> dict[str, Any]:
    """$1 is a parameter's name here."""
    return {str(at): value for at, value in enumerate(values, 1)}
