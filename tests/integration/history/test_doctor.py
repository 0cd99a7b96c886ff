"""What `jitney doctor` finds of the history, on real brokers and databases."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from broker.common.free_port import free_port
from broker.history.contract import WriterBeat
from broker.history.rows import HistoryRow
from broker.redis import connect_history
from jitney.admin.findings import Mark
from jitney.history.findings import of_database
from tests.faults.kit.broker_process import broker_process
from tests.faults.kit.command import jitney
from tests.integration.history.filled import opened
from tests.integration.history.rows import a_row


def keep(place: str, *rows: HistoryRow) -> None:
    async def write() -> None:
        async with opened(place, *rows, now=time.time()):
            pass

    asyncio.run(write())


def test_a_database_that_can_be_read_is_ok_with_rows_and_without(place: str) -> None:
    keep(place)
    empty = of_database(place)
    keep(place, a_row(at=int((time.time() - 400.0) * 1_000_000)))
    filled = of_database(place)

    assert (empty.mark, empty.said) == (Mark.OK, "its rows can be read; there is none")
    assert (filled.mark, filled.said) == (Mark.OK, "its rows can be read, the newest 7 min old")


def test_one_without_tables_names_who_makes_them(place: str) -> None:
    finding = of_database(place)

    assert finding.mark is Mark.FAIL and "jitney history run" in finding.remedy


def test_a_file_is_not_made_by_looking(tmp_path: Path) -> None:
    finding = of_database(str(tmp_path / "history.db"))

    assert finding.mark is Mark.FAIL and "cannot be read" in finding.said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("postgresql://jitney:wordQXZ@127.0.0.1:{port}/history", "it cannot be read: "),
        ("mysql://jitney:wordQXZ@h/x", "this names no database of the history"),
        ("postgresql://jitney:word/QXZ@h/x", "this URL cannot be read"),
    ],
)
def test_one_that_cannot_be_asked_is_told_without_its_password(place: str, said: str) -> None:
    finding = of_database(place.format(port=free_port()))

    assert finding.mark is Mark.FAIL and said in finding.said and finding.remedy
    assert "QXZ" not in finding.said + finding.remedy


async def brought(url: str, blocks: int, dropped: int, beat: WriterBeat | None) -> None:
    async with aclosing(await connect_history(url, "default", "test")) as queue:
        await queue.append_history([b"block"] * blocks, dropped)
        if beat is not None:
            await queue.beat_history(beat)


WELL = WriterBeat(writer="w", database="sqlite:h.db", written=5)
ILL = WriterBeat(writer="w", database="sqlite:h.db", error="no disk")


@pytest.mark.parametrize(
    ("blocks", "dropped", "beat", "lines"),
    [
        (0, 0, WELL, ["ok       history: its writer has brought 5 rows to sqlite:h.db"]),
        (2, 0, None, ["warn     history: 2 blocks wait, and no writer beats"]),
        (0, 0, ILL, ["warn     history: its writer cannot write: no disk"]),
        (0, 3, None, ["warn     history: 3 rows were dropped, the last ones"]),
    ],
)
def test_the_command_says_how_it_gets_on(
    tmp_path: Path, blocks: int, dropped: int, beat: WriterBeat | None, lines: list[str]
) -> None:
    keep(str(tmp_path / "history.db"))
    with broker_process() as broker:
        asyncio.run(brought(broker.url, blocks, dropped, beat))
        said = jitney("doctor", "--history-database", str(tmp_path / "history.db"), url=broker.url)

    told = [line for line in said.out.splitlines() if " history: " in line]
    assert said.code == 0, said.all
    assert [line[: len(start)] for line, start in zip(told, lines, strict=True)] == lines
    assert "ok       history's database: its rows can be read" in said.out
