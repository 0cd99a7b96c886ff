"""How many bytes one trip to the broker carries: what is more is cut into several, and what is large travels alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Piece = TypeVar("Piece")

# At 10 Mbit/s these take three seconds. A longer trip would meet a server's own limits (512 MB a value, 1 GB a
# transaction), hold up all others of its connection, and outlast the lease of what it claims.
TRIP_BYTES = 1 << 22
CLAIM_BYTES = 1 << 24  # of a claim, with those bodies that lie apart: they are fetched a trip at a time
FRAME_BYTES = 1 << 20  # of outcomes that a front end reads in one go


def how_many(sizes: Iterable[int], most: int = TRIP_BYTES) -> int:
    """How many of these go in one trip: the first always, the others while they fit."""
    count, total = 0, 0
    for size in sizes:
        total += size
        if count and total > most:
            break
        count += 1
    return count


def cut(pieces: Iterable[bytes], most: int) -> Iterator[list[bytes]]:
    """These in order, in parts of at most so many bytes; a larger one is a part of its own."""
    return cut_by(len, pieces, most)


def cut_by(measure: Callable[[Piece], int], pieces: Iterable[Piece], most: int) -> Iterator[list[Piece]]:
    """The same for whatever has a size."""
    part: list[Piece] = []
    size = 0
    for piece in pieces:
        more = measure(piece)
        if part and size + more > most:
            yield part
            part, size = [], 0
        part.append(piece)
        size += more
    if part:
        yield part
