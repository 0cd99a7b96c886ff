"""What is to be kept on the cache's server, until the next trip takes it: so many entries and bytes, and no more."""

from __future__ import annotations

from itertools import islice

from broker.trips import how_many

MOST_ENTRIES = 4096
MOST_BYTES = 4 << 20
LARGEST = 1 << 17  # bytes of an entry: many are read in one trip
TRIP_BYTES = 1 << 18  # that one trip takes: those who look wait for it, too
Put = tuple[bytes, bytes, int]  # digest, data, milliseconds that it is kept


class CacheOutbox:
    """The oldest leave first. What comes again while it waits takes the place of the one before."""

    def __init__(self) -> None:
        self._puts: dict[bytes, Put] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._puts)

    def put(self, digest: bytes, data: bytes, ttl: float) -> bool:
        """False: it was not taken, for it is too large, there is no room, or its time is over."""
        self._drop(digest)
        milliseconds = int(ttl * 1000)
        is_fit = milliseconds > 0 and len(data) <= LARGEST
        if not is_fit or len(self._puts) == MOST_ENTRIES or self._bytes + len(data) > MOST_BYTES:
            return False
        self._puts[digest] = digest, data, milliseconds
        self._bytes += len(data)
        return True

    def take(self) -> list[Put]:
        """What one trip carries."""
        count = how_many((len(data) for _, data, _ in self._puts.values()), TRIP_BYTES)
        taken = list(islice(self._puts.values(), count))
        for digest, _, _ in taken:
            self._drop(digest)
        return taken

    def clear(self) -> int:
        """How many there were."""
        count, self._bytes = len(self._puts), 0
        self._puts.clear()
        return count

    def _drop(self, digest: bytes) -> None:
        put = self._puts.pop(digest, None)
        if put is not None:
            self._bytes -= len(put[1])
