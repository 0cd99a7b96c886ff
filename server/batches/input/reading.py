"""A stream of bytes as lines that know where they end, none of them longer than a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

Piece = TypeVar("Piece")
AT_A_TIME = 100  # lines between which others have their turn


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an input."""

    number: int  # from 1
    end: int  # bytes of the input up to its end, with its line break
    text: bytes | None  # None: it is too long


async def lines_of(
    chunks: AsyncIterator[bytes], longest: int, *, offset: int = 0, before: int = 0
) -> AsyncIterator[Line]:
    """Every line, the last one too if no line break ends it. The chunks begin at `offset`, after so many lines."""
    reader = _Reader(longest, offset, before)
    async for chunk in chunks:
        for line in reader.feed(chunk):
            yield line
            if line.number % AT_A_TIME == 0:
                await asyncio.sleep(0)
    for line in reader.end():
        yield line


@asynccontextmanager
async def closed_after(pieces: AsyncIterator[Piece]) -> AsyncIterator[AsyncIterator[Piece]]:
    """Whoever reads only some of them leaves nothing open."""
    try:
        yield pieces
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


class _Reader:
    """Holds what has no line break yet, up to the limit."""

    def __init__(self, longest: int, offset: int, number: int) -> None:
        self._longest, self._end, self._number = longest, offset, number
        self._open = bytearray()
        self._size = 0  # of the open line, what was thrown away of it too

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """Those that end in it, made one by one: it may be nothing but line breaks."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._take(chunk[start:end])
            yield self._line(1)
            start = end + 1
        self._take(chunk[start:])

    def end(self) -> list[Line]:
        return [self._line(0)] if self._size else []

    def _take(self, text: bytes) -> None:
        self._size += len(text)
        if self._size <= self._longest:
            self._open += text

    def _line(self, line_break: int) -> Line:
        self._number, self._end = self._number + 1, self._end + self._size + line_break
        line = Line(self._number, self._end, bytes(self._open) if self._size <= self._longest else None)
        self._open, self._size = bytearray(), 0
        return line
