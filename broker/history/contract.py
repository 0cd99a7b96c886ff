"""What a broker promises of the history: a bounded list of blocks that front ends fill and one writer empties.

As in `broker.contract` every method may raise `BrokerUnavailable`. Blocks are bytes that `broker.history.rows` reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MOST_BYTES = 64 << 20  # of all blocks that wait: a dead database is survived as long as these last (docs/history.md)
MOST_BLOCKS = 100_000  # that wait at once, however small
MOST_BLOCK_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The oldest blocks that wait."""

    blocks: Sequence[bytes] = ()
    trimmed: int = (
        0  # grows by each block that is trimmed, and says which blocks these are: whoever trims brings it back
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterBeat:
    """What a writer says of itself."""

    writer: str  # its id
    database: str  # for people, without a password
    written: int = 0  # rows, since it started
    error: str = ""  # why it cannot write now; empty: it can


def refuse_large(blocks: Sequence[bytes]) -> None:
    """Raises `ValueError` for a block that is too large."""
    if any(len(block) > MOST_BLOCK_BYTES for block in blocks):
        raise ValueError(f"a block of the history has at most {MOST_BLOCK_BYTES:,} bytes")


class HistoryAppender(Protocol):
    """The broker as the one task sees it that brings a front end's rows."""

    async def append_history(self, blocks: Sequence[bytes], dropped: int) -> int:
        """Put these behind those that wait. Returns how many of them were taken, the first ones: fewer than all where
        the list is full or the server short of memory. `dropped` rows were lost since the last call; operators see
        their sum. A lost reply is answered by bringing them again: a row that comes twice is written once. Raises
        `ValueError` for a block that is larger than `MOST_BLOCK_BYTES`, and takes none then."""
        ...


class HistoryQueue(Protocol):
    """The broker as a writer sees it."""

    async def history_page(self, most: int) -> Page:
        """At most so many of the oldest blocks. They stay until they are trimmed."""
        ...

    async def trim_history(self, trimmed: int, blocks: int) -> bool:
        """So many of the oldest are in the database. `trimmed` is that of the page they came with: False, and nothing
        is trimmed, where somebody has trimmed since."""
        ...

    async def beat_history(self, beat: WriterBeat) -> None:
        """Tell operators how it goes. The broker keeps the last one, with its own time."""
        ...
