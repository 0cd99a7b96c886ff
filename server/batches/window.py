"""Lines of a batch that are in hand: answered several at a time, and written in their order, a part at a time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from server.batches.input.reading import Line

FIRST_LINES = 16  # at once, before anybody knows how large answers are
MOST_BYTES = 16 << 20  # of answers that are on their way, each as large as the largest so far; the same of lines
PART_BYTES = 4 << 20  # after which a part is written
PART_SECONDS = 2.0  # the same
PART_SHARE = 0.01  # of the time that it has taken so far: a batch of a day has hundreds of parts, not thousands


@dataclass(frozen=True, slots=True)
class Answered:
    """A line's answer as it is written."""

    text: bytes
    is_good: bool
    is_expired: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """A line that has its answer: where it ends in the input, and its number."""

    number: int
    end: int
    answer: Answered


Answer = Callable[[Line], Awaitable[Answered]]
Write = Callable[[Sequence[Done], bool], Awaitable[bool]]  # some in their order, and whether they are the last


class Window:
    """At most so many lines are read and not yet written. `write` says whether to go on."""

    def __init__(
        self, answer: Answer, write: Write, most: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._answer, self._write, self._most, self._clock = answer, write, most, clock
        self._waiting: deque[tuple[Line, asyncio.Task[Answered]]] = deque()
        self._done: list[Done] = []
        self._bytes = 0  # of the done ones
        self._bytes_read = 0  # of the waiting ones
        self._largest = 1  # bytes of an answer
        self._answered = 0
        self._started = self._written_at = clock()

    async def run(self, lines: AsyncIterator[Line]) -> bool:
        """Whether all were written."""
        try:
            async for line in lines:
                while self._is_full():
                    if not await self._advance():
                        return False
                self._waiting.append((line, asyncio.ensure_future(self._answer(line))))
                self._bytes_read += len(line.text or b"")
            while self._waiting:
                if not await self._advance():
                    return False
            return await self._write(self._done, True)
        finally:
            await self._end()

    def _is_full(self) -> bool:
        waiting, at_once = len(self._waiting), min(FIRST_LINES + 2 * self._answered, MOST_BYTES // self._largest)
        is_large = waiting and self._bytes_read >= MOST_BYTES
        return bool(is_large or waiting + len(self._done) >= self._most() or waiting >= max(1, at_once))

    async def _advance(self) -> bool:
        """One step: answers that are there, or a part, or some waiting. Whether to go on."""
        if not self._waiting or self._is_due():
            return await self._write_part()
        await asyncio.wait({self._waiting[0][1]}, timeout=self._until_due() if self._done else None)
        while self._waiting and self._waiting[0][1].done() and not self._is_due():
            line, task = self._waiting.popleft()
            self._take(line, task.result())
        return True

    def _take(self, line: Line, answer: Answered) -> None:
        size = len(answer.text)
        self._done.append(Done(line.number, line.end, answer))
        self._bytes_read -= len(line.text or b"")
        self._answered += 1
        self._bytes, self._largest = self._bytes + size, max(self._largest, size)

    def _is_due(self) -> bool:
        is_large = self._bytes >= PART_BYTES or 2 * len(self._done) >= self._most()
        return bool(self._done) and (is_large or not self._until_due())

    def _until_due(self) -> float:
        """Seconds until what is done is to be written, however little it is."""
        now = self._clock()
        pause = max(PART_SECONDS, PART_SHARE * (now - self._started))
        return max(0.0, self._written_at + pause - now)

    async def _write_part(self) -> bool:
        done, self._done, self._bytes = self._done, [], 0
        goes_on = await self._write(done, False)
        self._written_at = self._clock()
        return goes_on

    async def _end(self) -> None:
        tasks = [task for _, task in self._waiting if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
