"""PostgreSQL, by asyncpg."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from broker.common.diagnosis import ENCODE
from broker.common.masking import masked, shown
from broker.history.rows import HistoryRow
from history.databases.columns import COLUMNS, POSTGRESQL_TYPES, values_of
from history.databases.contract import Dialect
from history.databases.errors import DatabaseUnavailable, DatabaseUnfit, RowsRefused
from history.databases.months import Month, Span
from history.databases.schema import THERE, Schema

try:
    import asyncpg
except ImportError as error:
    raise DatabaseUnfit("PostgreSQL needs asyncpg, which is not installed: pip install 'jitney[history]'") from error

NAME = "jitney-history"  # of our sessions, for whoever looks at pg_stat_activity
OLDEST = 14  # major version of the server
CONNECT, LOCK = 5.0, 2.0  # seconds to wait: for a connection, for a lock on the table
BRIEFLY = f"set local lock_timeout = '{LOCK:g}s'"
ADVISORY = 0x6A69746E  # of all that migrate
ERRORS = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REFUSALS = ("22", "54")  # SQLSTATE: data exceptions; what is too large for an index
# One statement with an array a column: no temporary table to be made and forgotten for each page.
_TYPES = ", ".join(f"${at}::{POSTGRESQL_TYPES.get(name, 'text')}[]" for at, name in enumerate(COLUMNS, 1))
INSERT = f"insert into prediction ({', '.join(COLUMNS)}) select * from unnest({_TYPES}) on conflict do nothing"
PARTITIONS = (
    "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid "
    "where i.inhparent = 'prediction'::regclass and c.relname ~ '^prediction_[0-9]{4}_[0-9]{2}$'"
)
# Who reads or writes what is the history's, longest first. Where our user may not see that, no time is told.
HOLDERS = """
select pid, coalesce(usename, '') as name, coalesce(nullif(application_name, ''), backend_type) as program,
    extract(epoch from clock_timestamp() - xact_start)::int as seconds
from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and pid in (
    select l.pid from pg_locks l join pg_class c on c.oid = l.relation
    where l.granted and (c.relname like 'prediction%' or c.relname = any($1::text[])))
order by xact_start limit 3"""


class PostgresDatabase:
    """Keeps `Database`."""

    dialect = Dialect.POSTGRESQL

    def __init__(self, url: str, *, is_readonly: bool, patience: float, schema: Schema) -> None:
        self.name = shown(url)
        self._url = url
        self._is_readonly = is_readonly
        self._patience = patience  # seconds, for each statement
        self._schema = schema
        self._connection: Any = None

    async def fetch(self, sql: str, *values: Any) -> Sequence[Any]:
        with self._translated():
            connection = await self._connected()
            transaction = connection.transaction(readonly=self._is_readonly)
            await transaction.start()
            try:
                found: Sequence[Any] = await connection.fetch(sql, *values)
            except asyncpg.PostgresError:  # after anything else nobody waits for an answer: the connection is ended
                await transaction.rollback()
                raise
            await transaction.commit()
            return found

    async def execute(self, sql: str, *values: Any) -> int:
        with self._translated():
            connection = await self._connected()
            return _changed(await connection.execute(sql, *values))

    async def migrate(self) -> None:
        with self._translated():
            connection = await self._connected()
            async with connection.transaction():
                await connection.execute(f"select pg_advisory_xact_lock({ADVISORY})")
                async with self._briefly(connection):
                    is_there = await connection.fetchval("select to_regclass('history_meta') is not null")
                    there = await connection.fetchrow(THERE) if is_there else None
                    for sql in self._schema.upgrade(self.dialect, there):
                        await connection.execute(sql)

    async def insert(self, rows: Sequence[HistoryRow]) -> int:
        with self._translated():
            connection = await self._connected()
            return _changed(await connection.execute(INSERT, *_arrays(rows)))

    async def maintain(self, span: Span) -> bool:
        with self._translated():
            connection = await self._connected()
            there = {row["relname"] for row in await connection.fetch(PARTITIONS)}
            for month in span.months:
                if _partition(month) not in there:
                    await self._change_table(_create(month))
            # A whole month at once, when its last day is no longer kept.
            for name in sorted(name for name in there if _month(name).later(1).start <= span.kept_from):
                await self._change_table(f"drop table {name}")
        return False

    async def _change_table(self, sql: str) -> None:
        async with self._briefly(self._connection):
            await self._connection.execute(sql)

    @contextlib.asynccontextmanager
    async def _briefly(self, connection: Any) -> AsyncIterator[None]:
        """A transaction that does not wait long for a lock, as of a table that a report reads: whoever waits for it
        holds up all that come behind. Raises `DatabaseUnavailable`, which says who is in the way."""
        try:
            async with connection.transaction():
                await connection.execute(BRIEFLY)
                yield
        except asyncpg.LockNotAvailableError:
            views = [*self._schema.views[self.dialect]]
            raise DatabaseUnavailable(_waited(await connection.fetch(HOLDERS, views))) from None

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*ERRORS):
                await connection.close(timeout=CONNECT)

    async def _connected(self) -> Any:
        if self._connection is None:
            # Without prepared statements: a pooler may give each transaction another connection.
            how: dict[str, Any] = {"timeout": CONNECT, "command_timeout": self._patience, "statement_cache_size": 0}
            how["server_settings"] = {"application_name": NAME}
            try:
                self._connection = await asyncpg.connect(self._url, **how)
            except ValueError:  # it may repeat a piece of it
                raise DatabaseUnfit(f"this URL cannot be read: {ENCODE}") from None
            found = self._connection.get_server_version()
            if found.major < OLDEST:
                raise DatabaseUnfit(f"it is PostgreSQL {found.major}: give Jitney {OLDEST} or newer")
        return self._connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors as ours; whatever they were, the next call has a new connection."""
        try:
            yield
        except ERRORS as error:
            ours = _ours(error)
            if not isinstance(ours, RowsRefused):
                self._forget()
            raise ours from None  # what it stands for may hold a value
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _arrays(rows: Sequence[HistoryRow]) -> list[list[Any]]:
    """Column by column."""
    try:
        values = [values_of(row) for row in rows]
        for one in values:
            one |= {"at": EPOCH + timedelta(microseconds=one["at"]), "id": UUID(bytes=one["id"])}
    except (ValueError, OverflowError) as error:
        raise RowsRefused(type(error).__name__) from None
    return [[one[name] for one in values] for name in COLUMNS]


def _changed(status: str) -> int:
    """`INSERT 0 5` → 5."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0


def _ours(error: BaseException) -> Exception:
    """Messages of refusals repeat the value: of those only the kind is told."""
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith(REFUSALS) or isinstance(error, ValueError):
        return RowsRefused(f"{type(error).__name__} {state}".rstrip())
    said = " ".join(masked(getattr(error, "message", None) or str(error)).split())  # no details: they show rows
    return DatabaseUnavailable(said or type(error).__name__)


def _waited(holders: Sequence[Any]) -> str:
    """Whom to ask, where a lock was not to be had."""
    shown = [f"{one['name']} ({one['program']}, pid {one['pid']}{_since(one['seconds'])})" for one in holders]
    if not shown:
        return f"waited {LOCK:g} s for a lock that somebody held, who has ended by now"
    remedy = f"ask them to end, or select pg_terminate_backend({holders[0]['pid']})"
    return f"waited {LOCK:g} s for {', '.join(shown)}: {remedy}"


def _since(seconds: int | None) -> str:
    return "" if seconds is None else f", in a transaction for {seconds} s"


def _partition(month: Month) -> str:
    return f"prediction_{month}"


def _month(partition: str) -> Month:
    return Month(*map(int, partition.split("_")[1:]))


def _create(month: Month) -> str:
    first, after = (one.start.isoformat() for one in (month, month.later(1)))
    name = _partition(month)
    return f"create table if not exists {name} partition of prediction for values from ('{first}') to ('{after}')"
