"""Rows in flight: so many at once, in requests of a few, written in the order of IN."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from jitney.batch.contract import MALFORMED, Answer, Item, Row, failed
from jitney.client.policy.packing import REQUEST_BYTES, packed

Ask = Callable[[Sequence[Row]], Awaitable[Sequence[Answer]]]
Write = Callable[[Sequence[Item], Sequence[Answer | None]], None]
FORGETTING = 0.99  # a large answer counts for less with each one after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of what is in hand at once: from the oldest row that is not written to the newest that was read. A slow row
    holds up those behind it, and they stay within this."""

    rows: int = 256
    bytes: int = 32 << 20
    request_rows: int = 32
    request_bytes: int = REQUEST_BYTES
    answer_bytes: int = 0  # that an answer may have until one has been seen; they count, too


class Window:
    """`run` ends when every row is written; ended earlier, it has written those that were answered in order."""

    def __init__(self, items: Iterator[Item], ask: Ask, write: Write, bounds: Bounds) -> None:
        self._packs = packed(items, _weight, most=bounds.request_rows, most_bytes=bounds.request_bytes)
        self._ask = ask
        self._write = write
        self._bounds = bounds
        self._in_hand: deque[tuple[list[Item], asyncio.Task[list[Answer | None]]]] = deque()
        self._rows = self._bytes = self._asked = 0
        self._largest: float | None = None  # answer of late
        self._next: list[Item] | None = None
        self._is_writing = False

    async def run(self) -> None:
        try:
            while self._fill():
                _, task = self._in_hand[0]
                await asyncio.wait([task])
                task.result()
                self._write_oldest()
        finally:
            await self._end()

    def _fill(self) -> bool:
        """Begin what there is room for. Whether anything is in hand."""
        while True:
            self._next = self._next or next(self._packs, None)
            if self._next is None or (self._in_hand and not self._has_room(self._next)):
                return bool(self._in_hand)
            self._begin(self._next)
            self._next = None

    def _has_room(self, pack: Sequence[Item]) -> bool:
        rows, size = self._rows + len(pack), self._bytes + _size(pack)
        largest = self._bounds.answer_bytes if self._largest is None else self._largest
        return rows <= self._bounds.rows and size + (self._asked + 1) * largest <= self._bounds.bytes

    def _begin(self, pack: list[Item]) -> None:
        self._rows += len(pack)
        self._bytes += _size(pack)
        self._asked += any(map(_is_asked, pack))
        self._in_hand.append((pack, asyncio.create_task(self._answered(pack))))

    async def _answered(self, pack: Sequence[Item]) -> list[Answer | None]:
        """An answer for each item; None for one that needs none."""
        answered = await self._ask([item.row for item in pack if _is_asked(item)])
        self._asked -= any(map(_is_asked, pack))
        self._weigh(answered)
        answers = iter(answered)
        return [next(answers) if _is_asked(item) else _without_asking(item) for item in pack]

    def _weigh(self, answers: Sequence[Answer]) -> None:
        """Answers are in hand until they are written."""
        size = _answers_size(answers)
        self._bytes += size
        if answers:
            self._largest = max(size, FORGETTING * (self._largest or 0))

    def _write_oldest(self) -> None:
        pack, task = self._in_hand[0]
        self._is_writing = True  # and stays so where it fails: nothing may follow what is not written
        self._write(pack, task.result())
        self._is_writing = False
        self._in_hand.popleft()
        self._rows -= len(pack)
        self._bytes -= _size(pack) + _answers_size(task.result())

    async def _end(self) -> None:
        while self._in_hand and not self._is_writing and _is_answered(self._in_hand[0][1]):
            self._write_oldest()
        tasks = [task for _, task in self._in_hand]
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


def _weight(item: Item) -> int:
    return item.row.size


def _size(pack: Sequence[Item]) -> int:
    return sum(map(_weight, pack))


def _answers_size(answers: Sequence[Answer | None]) -> int:
    return sum(answer.size for answer in answers if answer is not None)


def _is_asked(item: Item) -> bool:
    return item.kept is None and not item.row.complaint


def _without_asking(item: Item) -> Answer | None:
    return None if item.kept is not None else failed(MALFORMED, item.row.complaint)


def _is_answered(task: asyncio.Task[list[Answer | None]]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
