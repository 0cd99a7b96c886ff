"""Rows and reports, the same from both databases."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from random import Random

import pytest

from broker.history.rows import HistoryRow
from history.databases.errors import DatabaseUnavailable
from history.databases.place import open_database
from history.reading.queries import MOST, Cursor, Selection, cursor_from_text, cursor_to_text
from history.reading.reader import HistoryReader
from history.views import REPORTS
from tests.integration.history.filled import opened, reader_of
from tests.integration.history.rows import a_row, a_whole_row, micros

pytestmark = pytest.mark.anyio

AT = micros(2026, 11, 30, 12)
HOUR = 3_600_000_000


async def read(reader: HistoryReader, selection: Selection, most: int) -> list[list[HistoryRow]]:
    """Page after page."""
    pages: list[list[HistoryRow]] = []
    after: Cursor | None = None
    while page := await reader.rows(selection, most, after):
        pages.append(page)
        after = cursor_from_text(cursor_to_text(Cursor(page[-1].at, page[-1].id)))
    return pages


async def test_a_row_is_read_as_it_was_brought(place: str):
    whole = a_whole_row()
    bare = a_row(at=AT - 1)
    reader = await reader_of(place, [whole, bare])

    assert await reader.rows(Selection(), 10) == [whole, bare]


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (Selection(), "abcd"),
        (Selection(model="m"), "abc"),
        (Selection(label="good"), "ad"),
        (Selection(code="invalid_input"), "b"),
        (Selection(caller="alice"), "ab"),
        (Selection(caller=""), "d"),
        (Selection(since=AT + 2), "cd"),
        (Selection(until=AT + 2), "ab"),
        (Selection(model="m", caller="alice", since=AT, until=AT + 1), "a"),
        (Selection(model="nobody"), ""),
    ],
)
async def test_what_is_asked_for_is_found_newest_first(place: str, selection: Selection, found: str):
    rows = [
        a_row(at=AT, request_id="a", model="m", label="good", caller="alice"),
        a_row(at=AT + 1, request_id="b", model="m", code="invalid_input", caller="alice"),
        a_row(at=AT + 2, request_id="c", model="m", label="bad", caller="bob"),
        a_row(at=AT + 3, request_id="d", model="n", label="good"),
    ]
    reader = await reader_of(place, rows)

    assert [row.request_id for row in await reader.rows(selection, 10)] == list(reversed(found))


@pytest.mark.parametrize("most", [1, 2, 3, 7, 100])
async def test_pages_hold_each_row_once_also_where_many_have_the_same_time(place: str, most: int):
    rows = [a_row(at=AT + number // 5, model="m") for number in range(20)]
    reader = await reader_of(place, Random(7).sample(rows, len(rows)))

    pages = await read(reader, Selection(model="m"), most)

    assert [row for page in pages for row in page] == sorted(rows, key=lambda row: (row.at, row.id), reverse=True)
    assert all(len(page) == most for page in pages[:-1])


async def test_what_comes_in_between_moves_no_page(place: str):
    rows = [a_row(at=AT + number) for number in range(4)]
    async with opened(place, *rows) as database:
        reader = HistoryReader(lambda: open_database(place, is_readonly=True))
        first = await reader.rows(Selection(), 2)
        await database.insert([a_row(at=AT + 9)])
        second = await reader.rows(Selection(), 2, Cursor(first[-1].at, first[-1].id))

    assert [row.at - AT for row in [*first, *second]] == [3, 2, 1, 0]


async def test_a_page_is_bounded(place: str):
    reader = await reader_of(place, [a_row() for _ in range(MOST + 1)])

    assert len(await reader.rows(Selection(), 1_000_000)) == MOST


@pytest.mark.parametrize(
    "text", ["' or 1=1 --", "'; drop table prediction; --", "%", "$1", "\\", "x' union select 1 --"]
)
async def test_a_value_is_never_read_as_sql(place: str, text: str):
    mine, other = a_row(label=text, model=text, caller=text, code=text), a_row(label="good")
    reader = await reader_of(place, [mine, other])

    found = await reader.rows(Selection(label=text, model=text, caller=text, code=text), 10)

    assert found == [mine]
    assert await reader.rows(Selection(label=f"{text} "), 10) == []
    assert len(await reader.rows(Selection(), 10)) == 2


async def test_a_reader_changes_nothing(place: str):
    async with opened(place, a_row()):
        database = open_database(place, is_readonly=True)

        with pytest.raises(DatabaseUnavailable):
            await database.fetch("delete from prediction")
        await database.aclose()


async def test_a_place_without_a_history_says_so(place: str):
    reader = HistoryReader(lambda: open_database(place, is_readonly=True))

    with pytest.raises(DatabaseUnavailable):
        await reader.rows(Selection(), 1)


async def test_the_day_s_labels_are_counted_with_their_mean_score(place: str):
    rows = [a_row(model="m", label="good", score=score) for score in (0.5, 0.7)]
    rows += [a_row(model="m", label="bad", score=0.9), a_row(model="m", code="contended", status=429)]
    rows += [a_row(at=AT - 24 * HOUR, model="n")]
    reader = await reader_of(place, rows)

    report = await reader.report("per-day", Selection())

    assert report == [
        ["2026-11-30", "m", "good", 2, pytest.approx(0.6)],
        ["2026-11-30", "m", "bad", 1, pytest.approx(0.9)],
        ["2026-11-29", "n", "", 1, None],
    ]


async def test_a_day_is_utc_s(place: str):
    reader = await reader_of(place, [a_row(at=micros(2026, 11, 29, 23, 59)), a_row(at=micros(2026, 11, 30))])

    assert [row[0] for row in await reader.report("per-day", Selection())] == ["2026-11-30", "2026-11-29"]


@pytest.mark.parametrize("how_many", [1, 2, 3, 19, 20, 21, 100])
async def test_percentiles_are_the_nearest_rank_of_what_was_computed(place: str, how_many: int):
    number = count(1)
    rows = [a_row(model="m", batch_size=1, queue=0.25, compute=float(next(number))) for _ in range(how_many)]
    rows += [a_row(model="m", is_cached=True, compute=900.0), a_row(model="m", code="expired", batch_size=1)]
    reader = await reader_of(place, rows)

    [[hour, model, n, p50, p95]] = await reader.report("latency", Selection())

    assert (hour[:13], model, n) == ("2026-11-30 12", "m", how_many)
    assert (p50, p95) == (-(-how_many * 50 // 100) + 0.25, -(-how_many * 95 // 100) + 0.25)


async def test_keys_errors_cached_and_doubtful_answers_are_told(place: str):
    rows = [
        a_row(model="m", caller="alice", cost=5, label="good", score=0.4, input="meh", request_id="r"),
        a_row(model="m", caller="alice", cost=6, label="good", score=0.9, is_cached=True),
        a_row(model="m", caller="bob", cost=7, code="contended"),
    ]
    reader = await reader_of(place, rows)
    told = {name: await reader.report(name, Selection()) for name in ("keys", "errors", "cached", "low-confidence")}

    assert told["keys"] == [["alice", 2, 0, 11, "2026-11-30 12:00:00"], ["bob", 1, 1, 7, "2026-11-30 12:00:00"]]
    assert told["errors"] == [["2026-11-30", "m", "contended", 1]]
    assert told["cached"] == [["2026-11-30", "m", 2, 1, pytest.approx(0.5)]]
    low = ["2026-11-30 12:00:00", "m", "good", "alice", "meh", "r", rows[0].id.hex(), pytest.approx(0.4)]
    assert told["low-confidence"] == [low]


@pytest.mark.parametrize("name", REPORTS)
async def test_a_report_is_of_the_rows_that_are_asked_for(place: str, name: str):
    fields = {"label": "good", "score": 0.1, "batch_size": 1}
    old, new = a_row(at=AT - 48 * HOUR, model="m", **fields), a_row(model="m", **fields)
    failed = [a_row(at=row.at, model="m", code="expired") for row in (old, new)]
    other = [a_row(model="n", **fields), a_row(model="n", code="expired")]
    reader = await reader_of(place, [old, new, *failed, *other])

    everything = await reader.report(name, Selection())
    some = await reader.report(name, Selection(model="m", since=AT - HOUR))

    assert len(some) == 1
    assert len(everything) == (1 if name == "keys" else 3)


@pytest.mark.parametrize("name", REPORTS)
async def test_each_report_is_a_view_too(place: str, name: str):
    rows = [a_row(model="m", label="good", score=0.1, batch_size=1), a_row(model="m", code="expired")]
    async with opened(place, *rows) as database:
        [view] = await database.fetch(f"select {', '.join(REPORTS[name].columns)} from {REPORTS[name].view}")

    assert len(view) == len(REPORTS[name].columns)


async def test_an_empty_history_has_empty_reports(place: str):
    reader = await reader_of(place, [])

    assert [await reader.report(name, Selection()) for name in REPORTS] == [[]] * len(REPORTS)


def test_a_cursor_that_is_none_is_refused():
    good = cursor_to_text(Cursor(AT, bytes(16)))

    for text in ("", "x", good[:-4], good + "AAAA", "ü" * 32, "_" * 32):
        with pytest.raises(ValueError, match="cursor"):
            cursor_from_text(text)


async def test_a_look_at_a_file_ends_in_time(tmp_path: Path):
    place = str(tmp_path / "history.db")
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    async with opened(place):
        database = open_database(place, is_readonly=True, patience=0.2)

        with pytest.raises(DatabaseUnavailable, match="interrupted"):
            await database.fetch(endless)
        assert len(await database.fetch("select 1")) == 1
        await database.aclose()
