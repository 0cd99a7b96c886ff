"""What is erased is gone, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from history import erasing
from history.databases.place import open_database
from history.erasing import count, empty_log, erase
from history.reading.queries import Selection
from history.reading.reader import HistoryReader
from tests.integration.history.filled import opened
from tests.integration.history.rows import a_row

pytestmark = pytest.mark.anyio

HASH = b"h" * 16
ROWS = [
    a_row(request_id="a", caller="alice", input="my name is Alice"),
    a_row(request_id="b", caller="alice", input_hash=HASH),
    a_row(request_id="c", caller="bob", input="my name is Alice"),
    a_row(request_id="d", caller="bob", input="my name", is_cut=True),
    a_row(request_id="e", caller="bob", input="my name"),
    a_row(request_id="f", caller="bob", is_cut=True),
    a_row(request_id="g", input="my name is Alice."),
]


@pytest.mark.parametrize(
    ("selection", "gone"),
    [
        (Selection(caller="alice"), "ab"),
        (Selection(caller="nobody"), ""),
        (Selection(input="my name is Alice"), "acd"),
        (Selection(input="my name is Alice", input_hash=HASH), "abcd"),
        (Selection(input_hash=HASH), "b"),
        (Selection(input="my name"), "de"),
        (Selection(input="' or 1=1 --"), ""),
        (Selection(input="%"), ""),
    ],
)
async def test_what_was_asked_for_is_gone_and_was_counted_before(place: str, selection: Selection, gone: str):
    async with opened(place, *ROWS) as database:
        counted = await count(database, selection)
        erased = await erase(database, selection)
        left = await HistoryReader(lambda: open_database(place, is_readonly=True)).rows(Selection(), 100)

    assert counted == erased == len(gone)
    assert {row.request_id for row in left} == set("abcdefg") - set(gone)


async def test_what_a_database_cannot_store_is_erased_by_what_it_stored(place: str):
    text = "nul \0 and half \ud83d a pair"
    async with opened(place, a_row(input=text)) as database:
        assert await erase(database, Selection(input=text)) == 1


async def test_many_rows_go_step_by_step(place: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(erasing, "STEP", 3)
    async with opened(place, *(a_row(caller="alice") for _ in range(10)), a_row(caller="bob")) as database:
        assert await erase(database, Selection(caller="alice")) == 10
        assert await count(database, Selection()) == 1


async def test_of_an_erased_text_nothing_is_left_in_sqlite_s_files(tmp_path: Path):
    place = tmp_path / "history.db"
    async with opened(str(place), *(a_row(caller="alice", input=f"secret {n}") for n in range(500))) as database:
        held = sum(b"secret" in path.read_bytes() for path in tmp_path.iterdir())
        await erase(database, Selection(caller="alice"))
        is_empty = await empty_log(database)
        left = [path.name for path in tmp_path.iterdir() if b"secret" in path.read_bytes()]

    assert held and is_empty
    assert left == []
