"""So many at once, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from server.errors import Problem


class AtOnce:
    """What is under way of something that takes memory or room for as long as it lasts."""

    def __init__(self, most: int, said: str) -> None:
        self._most = most
        self._said = said
        self._running = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more, until the end of the `with`. Raises `Problem` (overloaded) where there are too many."""
        if self._running >= self._most:
            raise Problem("overloaded", self._said)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
