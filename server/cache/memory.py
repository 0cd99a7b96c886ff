"""The answers that this process keeps itself: so many bytes, those that were wanted last."""

from __future__ import annotations

from collections import OrderedDict

from server.cache.entry import Entry


class AnswerMemory:
    """Least recently used ones go first. An entry that alone is larger than an eighth of the room is not kept."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: bytes, now: float) -> Entry | None:
        """One whose time is not over."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        if entry.ends <= now:
            self._drop(digest)
            return None
        self._entries.move_to_end(digest)
        return entry

    def put(self, digest: bytes, entry: Entry) -> None:
        """In place of the one that was there."""
        if digest in self._entries:
            self._drop(digest)
        size = entry.size
        if size > self._most_bytes // 8:
            return
        self._entries[digest] = entry
        self.bytes += size
        while self.bytes > self._most_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, digest: bytes) -> None:
        entry = self._entries.pop(digest, None)
        if entry is not None:
            self.bytes -= entry.size
