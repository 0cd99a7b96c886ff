"""Lines are answered several at a time, and written in their order, a part at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import chain

import pytest

from server.batches import window
from server.batches.input.reading import Line
from server.batches.window import Answered, Done, Window
from tests.conftest import FakeClock

pytestmark = pytest.mark.anyio


class Recorder:
    """Answers when it is told to, and remembers what was written."""

    def __init__(self, most: int = 4, *, held: Sequence[int] = (), size: int = 1) -> None:
        self.clock = FakeClock()
        self.asked: list[int] = []
        self.parts: list[list[int]] = []
        self.rest: list[int] = []
        self.most_in_hand = self.most_waiting = self._waiting = 0
        self.goes_on = True
        self.let_go = asyncio.Event()
        self._held, self._size = held, size
        self.window = Window(self.answer, self.write, lambda: most, self.clock)

    async def answer(self, line: Line) -> Answered:
        self.asked.append(line.number)
        self.most_in_hand = max(self.most_in_hand, len(self.asked) - sum(map(len, self.parts)))
        self._waiting += 1
        self.most_waiting = max(self.most_waiting, self._waiting)
        await (self.let_go.wait() if line.number in self._held else asyncio.sleep(0))
        self._waiting -= 1
        return Answered(b"x" * self._size, True)

    async def write(self, done: Sequence[Done], is_last: bool) -> bool:
        if not is_last:
            self.parts.append([one.number for one in done])
        else:
            self.rest = [one.number for one in done]
        return self.goes_on

    async def run(self, lines: int) -> bool:
        return await self.window.run(numbered(lines))


async def numbered(lines: int) -> AsyncIterator[Line]:
    for number in range(1, lines + 1):
        yield Line(number, number, b"x")


async def test_answers_are_written_in_the_order_of_the_lines():
    recorder = Recorder(held=[1, 4])
    asyncio.get_running_loop().call_later(0.0, recorder.let_go.set)

    assert await recorder.run(7)

    assert [*chain(*recorder.parts), *recorder.rest] == [1, 2, 3, 4, 5, 6, 7]


async def test_no_more_lines_are_in_hand_than_may_be_computed_twice():
    recorder = Recorder(most=6)

    await recorder.run(100)

    assert recorder.most_in_hand <= 6
    assert len(recorder.parts) >= 100 / 6


async def test_what_is_done_is_written_while_the_next_takes_its_time(monkeypatch):
    monkeypatch.setattr(window, "PART_SECONDS", 0.0)
    recorder = Recorder(most=100, held=[3])
    running = asyncio.ensure_future(recorder.run(3))
    while len(recorder.parts) < 2:
        await asyncio.sleep(0)

    recorder.let_go.set()

    assert await running
    assert (recorder.parts, recorder.rest) == ([[1], [2]], [3])


async def test_large_answers_make_it_ask_for_fewer_lines_at_once(monkeypatch):
    monkeypatch.setattr(window, "MOST_BYTES", 40)
    monkeypatch.setattr(window, "FIRST_LINES", 2)
    recorder = Recorder(most=50, size=20)

    await recorder.run(40)

    assert recorder.most_waiting == 2
    assert [*chain(*recorder.parts), *recorder.rest] == list(range(1, 41))


async def test_large_lines_are_read_one_by_one(monkeypatch):
    monkeypatch.setattr(window, "MOST_BYTES", 1)
    recorder = Recorder(most=50)

    await recorder.run(10)

    assert recorder.most_waiting == 1
    assert [*chain(*recorder.parts), *recorder.rest] == list(range(1, 11))


async def test_it_stops_where_somebody_else_has_written():
    recorder = Recorder(most=2)
    recorder.goes_on = False

    assert not await recorder.run(10)

    assert len(recorder.parts) == 1


async def test_a_line_that_crashes_ends_it_and_leaves_nothing_running():
    recorder = Recorder(held=[1])

    async def crash(line: Line) -> Answered:
        raise ZeroDivisionError

    before = asyncio.all_tasks()
    crashing = Window(crash, recorder.write, lambda: 4)
    with pytest.raises(ZeroDivisionError):
        await crashing.run(numbered(3))

    assert asyncio.all_tasks() == before
