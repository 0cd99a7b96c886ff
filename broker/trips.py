"""How many bytes one trip to the broker carries: what is more is cut into several, and what is large travels alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# At 10 Mbit/s these take three seconds. A longer trip would meet a server's own limits (512 MB a value, 1 GB a
# transaction), hold up all others of its connection, and outlast the lease of what it claims.
TRIP_BYTES = 1 << 22
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
    part: list[bytes] = []
    size = 0
    for piece in pieces:
        if part and size + len(piece) > most:
            yield part
            part, size = [], 0
        part.append(piece)
        size += len(piece)
    if part:
        yield part
