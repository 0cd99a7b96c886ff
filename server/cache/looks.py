"""Who looks for answers on the cache's server: all who gather while a trip is away go in the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

MOST_DIGESTS = 128  # that one trip asks for, a request's or those of many: 16 MiB at most, by what an entry may have
Found = list[bytes | None]


class Look:
    """Digests, and a future of what is found by them."""

    __slots__ = ("digests", "found")

    def __init__(self, digests: Sequence[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self.digests = digests
        self.found: asyncio.Future[Found] = loop.create_future()

    @property
    def is_over(self) -> bool:
        """It was answered, or who asked has gone."""
        return self.found.done()

    def answer(self, found: Found) -> None:
        if not self.found.done():
            self.found.set_result(found)

    def give_up(self) -> int:
        """As if nothing was found; how many were looked for in vain."""
        if self.found.done():
            return 0
        self.found.set_result([None] * len(self.digests))
        return len(self.digests)


class Looks:
    """Those that no trip has taken yet."""

    def __init__(self) -> None:
        self._waiting: deque[Look] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, digests: Sequence[bytes], loop: asyncio.AbstractEventLoop) -> list[Look]:
        """More than one trip may carry are several looks."""
        ranges = range(0, len(digests), MOST_DIGESTS)
        made = [Look(digests[at : at + MOST_DIGESTS], loop) for at in ranges]
        self._waiting.extend(made)
        return made

    def take(self) -> list[Look]:
        """Those that go in one trip, the first ones."""
        taken, room = list[Look](), MOST_DIGESTS
        while self._waiting and (self._waiting[0].is_over or len(self._waiting[0].digests) <= room):
            look = self._waiting.popleft()
            if not look.is_over:
                taken.append(look)
                room -= len(look.digests)
        return taken


def found_in(answer: Any) -> bytes | None:
    """What lay under one digest, by the server's answer. Raises the error that says that nothing can be read here."""
    if isinstance(answer, Exception):
        if "WRONGTYPE" not in str(answer):
            raise answer
        return None
    return answer or None  # where nothing is, there are no bytes
