"""What both databases promise, each asked for real."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from secrets import token_hex

import pytest

from history.databases.contract import Database, Dialect
from history.databases.errors import DatabaseUnavailable, DatabaseUnfit, RowsRefused
from history.databases.months import span_of
from history.databases.place import open_database
from history.databases.schema import end_turn, take_turn
from tests.integration.history.filled import migrated
from tests.integration.history.postgres import Postgres
from tests.integration.history.rows import NOW, a_row, a_whole_row, micros

pytestmark = pytest.mark.anyio

DAY = 86_400.0
ALL = "select * from prediction order by at, id"


@pytest.fixture
async def database(place: str) -> AsyncIterator[Database]:
    """Ready for rows of `NOW`."""
    opened = open_database(place)
    await opened.migrate()
    await opened.maintain(span_of(NOW, 180 * DAY))
    yield opened
    await opened.aclose()


async def test_a_row_is_found_as_it_was_written(database: Database):
    row = a_whole_row()

    await database.insert([row])

    [found] = await database.fetch(ALL)
    kept = dict(zip(found.keys(), found, strict=True))
    moment, id, output = kept.pop("at"), kept.pop("id"), kept.pop("output")
    assert kept == {name: getattr(row, name) for name in kept} and len(kept) == 18
    assert output.replace(" ", "") == '{"label":"good"}'
    if database.dialect is Dialect.POSTGRESQL:
        assert (micros_of(moment), id.bytes) == (row.at, row.id)
    else:
        assert (moment, id) == (row.at, row.id)


def micros_of(moment) -> int:
    return round(moment.timestamp() * 1_000_000)


async def test_what_is_not_kept_is_null(database: Database):
    await database.insert([a_row()])

    [found] = await database.fetch(ALL)
    assert [found["input"], found["input_hash"], found["output"], found["score"]] == [None] * 4


async def test_a_row_that_comes_twice_is_there_once(database: Database):
    rows = [a_row(), a_row()]

    assert await database.insert([*rows, rows[0]]) == 2
    assert await database.insert([*rows, a_row()]) == 1

    assert len(await database.fetch(ALL)) == 3


@pytest.mark.parametrize(
    ("text", "output", "kept"),
    [
        pytest.param("a\x00b", b'{"text":"a\\u0000b"}', ("a\ufffdb", "a\ufffdb"), id="NUL"),
        pytest.param("ok", b'{"text":"\\ud83d"}', ("ok", "?"), id="half a surrogate pair"),
        pytest.param("ok", b'{"text":"\\ud83d\\ude00"}', ("ok", "\U0001f600"), id="a whole one"),
        pytest.param("ok", b'{"text":"\\\\u0000"}', ("ok", "\\u0000"), id="only spelled like NUL"),
    ],
)
async def test_what_no_text_may_hold_is_replaced(database: Database, text: str, output: bytes, kept: tuple[str, str]):
    await database.insert([a_row(label=text, input=text, output=output)])

    how = "output ->> 'text'" if database.dialect is Dialect.POSTGRESQL else "json_extract(output, '$.text')"
    [found] = await database.fetch(f"select label, input, {how} from prediction")
    assert tuple(found) == (kept[0], *kept)


@pytest.mark.parametrize(
    "bad", [{"cost": 1 << 70}, {"id": b"short"}, {"output": b'{"broken \\u0000'}], ids=["a number", "an id", "JSON"]
)
async def test_a_row_that_cannot_be_stored_is_refused_with_all_that_came_with_it(database: Database, bad: dict):
    with pytest.raises(RowsRefused):
        await database.insert([a_row(), a_row(**bad)])

    assert await database.fetch(ALL) == []
    assert await database.insert([a_row()]) == 1


async def test_a_refusal_does_not_say_what_the_row_holds(postgres_place: str):
    database = await migrated(postgres_place)

    for bad in ({"output": b"secret"}, {"cost": 1 << 40}, {"model": "secret" + token_hex(20_000)}):
        with pytest.raises(RowsRefused) as refused:
            await database.insert([a_row(**bad)])
        assert "secret" not in str(refused.value) and str(1 << 40) not in str(refused.value)
        assert refused.value.__suppress_context__
    await database.aclose()


async def test_values_stand_in_sql_as_numbers_in_both(database: Database):
    await database.insert([a_row(label="a"), a_row(label="b"), a_row(label="c")])

    found = await database.fetch("select label from prediction where label > $1 and label < $2", "a", "c")
    removed = await database.execute("delete from prediction where label = $1 or label = $1", "a")

    assert [row["label"] for row in found] == ["b"]
    assert removed == 1


async def test_one_writer_has_its_turn_at_a_time(database: Database):
    async def takes(writer: str, seconds: float = 60.0) -> bool:
        sql, values = take_turn(database.dialect, writer, seconds)
        return await database.execute(sql, *values) == 1

    assert await takes("first")
    assert not await takes("second")
    assert await takes("first", -1.0)  # its turn is over
    assert await takes("second")
    await database.execute(end_turn("second")[0], *end_turn("second")[1])
    assert await takes("first")


# Months


def test_who_keeps_rows_longer_than_there_are_years_keeps_all():
    assert span_of(NOW, 999_999 * DAY).kept_from.year == 1970


@pytest.mark.parametrize("second", [-1, 0], ids=["the last second of a month", "the first of the next"])
async def test_rows_of_a_months_edge_are_stored_whoever_is_late(place: str, second: int):
    edge = micros(2026, 12, 1)
    database = open_database(place)
    await database.migrate()
    await database.maintain(span_of(edge / 1_000_000 + second, 180 * DAY))

    await database.insert([a_row(at=edge - 1), a_row(at=edge), a_row(at=edge + 1)])

    assert len(await database.fetch(ALL)) == 3
    await database.aclose()


async def test_what_is_no_longer_kept_is_removed(place: str):
    database = open_database(place)
    await database.migrate()
    august = micros(2026, 8, 15) / 1_000_000
    await database.maintain(span_of(august, 60 * DAY))
    await database.insert([a_row(at=micros(2026, 7, 31), label="old"), a_row(at=micros(2026, 9, 30, 23), label="kept")])

    await database.maintain(span_of(NOW, 61.5 * DAY))  # from 30 September, 0:00

    assert [row["label"] for row in await database.fetch(ALL)] == ["kept"]
    await database.aclose()


async def test_a_report_that_takes_long_holds_up_removal_and_nothing_else(postgres_place: str):
    database = await migrated(postgres_place)
    await database.maintain(span_of(micros(2026, 7, 2) / 1_000_000, 180 * DAY))
    report = open_database(postgres_place)
    await report.execute("begin")
    await report.execute("select count(*) from prediction")

    with pytest.raises(DatabaseUnavailable, match="waited 2 s for jitney"):
        await database.maintain(span_of(NOW, 30 * DAY))

    assert await database.insert([a_row()]) == 1
    await report.aclose()
    await database.maintain(span_of(NOW, 30 * DAY))
    await database.aclose()


ENDLESS = {
    Dialect.SQLITE: "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) from n",
    Dialect.POSTGRESQL: "select pg_sleep(60)",
}


async def test_a_look_ends_with_the_patience_of_who_waits_for_it(place: str):
    await (await migrated(place)).aclose()
    began = time.monotonic()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5), aclosing(open_database(place, is_readonly=True)) as database:
            await database.fetch(ENDLESS[database.dialect])

    assert time.monotonic() - began < 3.0


async def test_a_look_ends_at_a_server_that_no_longer_answers(server: Postgres, postgres_place: str):
    async with aclosing(open_database(postgres_place, is_readonly=True)) as database:
        await database.fetch("select 1")
        began = time.monotonic()
        asyncio.get_running_loop().call_later(0.2, server.pause)
        try:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await database.fetch(ENDLESS[database.dialect])
            took = time.monotonic() - began
        finally:
            server.resume()

        assert took < 3.0
        assert len(await database.fetch("select 1")) == 1


async def test_a_query_that_fails_leaves_the_next_one_alone(place: str):
    database = await migrated(place)

    with pytest.raises((DatabaseUnavailable, RowsRefused)):
        await database.fetch("select ln(-1) from nowhere" if database.dialect is Dialect.SQLITE else "select 1 / 0")

    assert [tuple(row) for row in await database.fetch("select 1")] == [(1,)]
    await database.aclose()


# Places


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path):
    (tmp_path / "history.db").write_bytes(b"something else, and quite long" * 100)
    database = open_database(str(tmp_path / "history.db"))

    with pytest.raises(DatabaseUnfit, match="is no SQLite database"):
        await database.migrate()

    await database.aclose()


async def test_a_file_is_its_owners_alone(tmp_path: Path):
    before = os.umask(0)
    database = await migrated(str(tmp_path / "history.db"))
    os.umask(before)

    await database.insert([a_row()])

    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    await database.aclose()


async def test_a_reader_changes_nothing(place: str):
    writer = await migrated(place)
    await writer.insert([a_row()])
    reader = open_database(place, is_readonly=True)

    assert len(await reader.fetch(ALL)) == 1
    with pytest.raises(DatabaseUnavailable, match=r"read.?only"):
        await reader.fetch("delete from prediction returning 1")

    assert len(await writer.fetch(ALL)) == 1
    await reader.aclose()
    await writer.aclose()


@pytest.mark.parametrize("place", ["", "mysql://h/x", "sqlite://", "sqlite:///", "redis://h"])
def test_what_names_no_database_is_refused_with_how_one_is_spelled(place: str):
    with pytest.raises(DatabaseUnfit, match=r"write postgresql://"):
        open_database(place)


async def test_a_password_is_in_no_error(tmp_path: Path):
    secret = "QXZJ7" * 3
    for url in (f"postgresql://u:{secret}@127.0.0.1:1/x", f"postgresql://u:{secret}@h:{secret}/x?a=b&c={secret}"):
        database = open_database(url)
        with pytest.raises((DatabaseUnavailable, DatabaseUnfit)) as failed:
            await database.migrate()
        assert secret not in str(failed.value) and secret not in database.name
        assert failed.value.__suppress_context__
