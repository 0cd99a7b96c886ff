"""How many bytes of bodies a front end holds of a model's predictions that run: those beyond it wait for their turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SHARE = 4  # one part in so many of the bytes that a front end may have in hand: predictions keep out nobody who waits


class BodyRoom:
    """One body always has room, however large."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._freed = asyncio.Event()
        self._line = asyncio.Lock()  # whoever waits for room has it, and others behind it: a large one is not overtaken
        self.held = 0

    def fits(self, size: int) -> bool:
        """At once."""
        return not self._line.locked() and self._has_room(size)

    @asynccontextmanager
    async def of(self, size: int) -> AsyncIterator[None]:
        """Room for so many bytes, once there is some."""
        async with self._line:
            while not self._has_room(size):
                self._freed.clear()
                await self._freed.wait()
            self.held += size
        try:
            yield
        finally:
            self.held -= size
            self._freed.set()

    def _has_room(self, size: int) -> bool:
        return not self.held or self.held + size <= self._most
