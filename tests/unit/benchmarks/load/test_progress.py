"""How far a run is."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.lib.loops import Answer, Call, Sender
from benchmarks.load.progress import Progress, Tally, bar, counting

pytestmark = pytest.mark.anyio


def test_the_bar_says_how_much_is_done_and_what_is_left():
    assert bar(12.0, 30.0, 2400, 3) == "[##########              ] 12/30 s, 18 s left: 2400 answered, 3 failed"


def test_the_bar_is_never_more_than_full():
    assert bar(31.2, 30.0, 0, 0).startswith(f"[{'#' * 24}] 30/30 s, 0 s left")


def test_tallies_of_several_processes_add_up(capsys):
    progress = Progress(whole=10.0)

    progress.add(Tally(seconds=5.0, answered=2, failed=1))
    progress.add(Tally(seconds=5.1, answered=3, failed=0))

    assert "5 answered, 1 failed" in capsys.readouterr().err


async def test_a_tally_tells_only_what_came_since_the_last():
    calls = [Call(0.0, 0.0, 0.0, outcome) for outcome in ("200", "503", "200", "200")]
    told: list[Tally] = []

    async def send(number: int, seconds: float) -> Answer:
        return Answer("200")

    async def sleep(seconds: float) -> None:
        if not calls:
            raise asyncio.CancelledError
        sender.calls += [calls.pop(0), calls.pop(0)]

    sender = Sender(send=send, timeout=1.0, clock=lambda: 7.0, sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await counting(sender, told.append)

    assert told == [Tally(seconds=7.0, answered=1, failed=1), Tally(seconds=7.0, answered=2, failed=0)]
