"""Rows that wait for the task that brings them, oldest first: so many bytes of them and no more."""

from __future__ import annotations

from collections import deque

from broker.history.contract import MOST_BLOCK_BYTES

MOST_BYTES = 16 << 20
OVERHEAD = 64  # bytes of memory that a row takes besides its own
ROOM = MOST_BLOCK_BYTES - 16  # bytes of a block that are for rows


class Ring:
    """Rows as bytes, each smaller than a block."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._rows: deque[bytes] = deque()
        self._room = most_bytes

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: bytes) -> bool:
        """False where there is no room for it."""
        room = self._room - len(row) - OVERHEAD
        if room < 0:
            return False
        self._room = room
        self._rows.append(row)
        return True

    def portions(self, most: int) -> list[list[bytes]]:
        """The oldest rows, in so many blocks' worth at most. They stay until they are taken."""
        found: list[list[bytes]] = []
        left = 0
        for row in self._rows:
            if len(row) > left:
                if len(found) == most:
                    break
                found.append([])
                left = ROOM
            found[-1].append(row)
            left -= len(row)
        return found

    def take(self, rows: int) -> None:
        """So many of the oldest go."""
        for _ in range(rows):
            self._room += len(self._rows.popleft()) + OVERHEAD
