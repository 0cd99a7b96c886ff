"""A database becomes that of this release, whichever it was of, and whoever reads it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from history.databases import postgres
from history.databases.contract import Dialect
from history.databases.errors import DatabaseUnavailable, DatabaseUnfit
from history.databases.place import open_database
from history.databases.schema import MIGRATIONS, Schema
from tests.integration.history.filled import migrated

pytestmark = pytest.mark.anyio


def older(dialect: Dialect) -> Schema:
    """Of a release before ours, whose rows had less to say."""
    short = {
        Dialect.POSTGRESQL: "create table prediction (at timestamptz not null, id uuid not null, task text not null,"
        " primary key (at, id)) partition by range (at)",
        Dialect.SQLITE: "create table prediction (at integer not null, id blob not null, task text not null,"
        " primary key (at, id)) without rowid",
    }
    return Schema(migrations={dialect: [[short[dialect]]]}, views={dialect: {}})


def newer(dialect: Dialect) -> Schema:
    """The same, and what it has been given since; with a view."""
    added = ["alter table prediction add column lane text not null default 'interactive'"]
    view = {"by_lane": "select lane, count(*) as n from prediction group by lane"}
    return Schema(migrations={dialect: [*older(dialect).migrations[dialect], added]}, views={dialect: view})


async def test_an_older_schema_is_brought_to_ours_and_keeps_its_rows(place: str):
    dialect = open_database(place).dialect
    before = await migrated(place, schema=older(dialect))
    moment = "now(), gen_random_uuid()" if dialect is Dialect.POSTGRESQL else "1764504000000000, x'01'"
    if dialect is Dialect.POSTGRESQL:
        await before.execute("create table rest partition of prediction default")
    await before.execute(f"insert into prediction (at, id, task) values ({moment}, 'embedding')")
    await before.aclose()

    after = open_database(place, schema=newer(dialect))
    for _ in range(2):  # the second time there is nothing to do
        await after.migrate()

    assert [tuple(row) for row in await after.fetch("select task, lane from prediction")] == [
        ("embedding", "interactive")
    ]
    assert [tuple(row) for row in await after.fetch("select * from by_lane")] == [("interactive", 1)]
    await after.aclose()


async def test_a_newer_schema_is_refused_and_left_as_it_is(place: str):
    dialect = open_database(place).dialect
    after = await migrated(place, schema=newer(dialect))

    before = open_database(place, schema=older(dialect))
    with pytest.raises(DatabaseUnfit, match="version 2, of a newer release than this one, which knows 1"):
        await before.migrate()

    assert [tuple(row) for row in await after.fetch("select version from history_meta")] == [(2,)]
    await before.aclose()
    await after.aclose()


async def test_a_migration_that_fails_changes_nothing(place: str):
    dialect = open_database(place).dialect
    steps = [*MIGRATIONS[dialect], ["create table half (a int)", "no sql"]]
    broken = Schema(migrations={dialect: steps}, views={dialect: {}})
    database = open_database(place, schema=broken)

    with pytest.raises(DatabaseUnavailable):
        await database.migrate()

    with pytest.raises(DatabaseUnavailable):
        await database.fetch("select * from half")
    await database.aclose()


async def test_who_reads_a_view_keeps_no_writer_of_the_same_release_from_beginning(postgres_place: str):
    database = await migrated(postgres_place)
    report = open_database(postgres_place)
    await report.execute("begin")
    await report.execute("select * from per_day")

    await database.migrate()

    await report.aclose()
    await database.aclose()


async def test_who_migrates_at_the_same_time_is_waited_for(postgres_place: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(postgres, "BRIEFLY", "set local lock_timeout = '100ms'")
    async with contextlib.aclosing(open_database(postgres_place)) as other:
        await other.execute("begin")
        await other.execute(f"select pg_advisory_xact_lock({postgres.ADVISORY})")
        migrating = asyncio.create_task(migrated(postgres_place))
        await asyncio.sleep(0.5)
        await other.execute("commit")

    await (await migrating).aclose()


async def test_a_view_is_replaced_by_a_release_that_has_another(place: str):
    dialect = open_database(place).dialect
    one, two = (Schema(migrations=MIGRATIONS, views={dialect: {"n": f"select {n} as n"}}) for n in (1, 2))
    before, after = await migrated(place, schema=one), open_database(place, schema=two)

    await after.migrate()

    assert [tuple(row) for row in await before.fetch("select * from n")] == [(2,)]
    await before.aclose()
    await after.aclose()
