"""The in-memory twin's list of the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice

from broker.history.contract import MOST_BLOCKS, MOST_BYTES, Page, WriterBeat, refuse_large
from broker.memory.store import MemoryStore


class MemoryHistory:
    """Keeps `HistoryAppender` and `HistoryQueue`. All faces share the store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def append_history(self, blocks: Sequence[bytes], dropped: int) -> int:
        refuse_large(blocks)
        now, waiting, state = self._store.now(), self._store.history, self._store.history_state
        if dropped:
            state |= {"dropped": state.get("dropped", 0) + dropped, "dropped_at": int(1000 * now)}
        state.setdefault("trimmed", int(1000 * now))
        for taken, block in enumerate(blocks):
            if len(waiting) >= MOST_BLOCKS or self._bytes + len(block) > MOST_BYTES:
                return taken
            waiting.append(block)
            state["bytes"] = self._bytes + len(block)
        return len(blocks)

    async def history_page(self, most: int) -> Page:
        self._store.now()
        return Page(blocks=list(islice(self._store.history, max(1, most))), trimmed=self._trimmed)

    async def trim_history(self, trimmed: int, blocks: int) -> bool:
        self._store.now()
        if trimmed != self._trimmed:
            return False
        taken = min(blocks, len(self._store.history))
        for _ in range(taken):
            self._store.history_state["bytes"] = self._bytes - len(self._store.history.popleft())
        self._store.history_state["trimmed"] = trimmed + taken
        return True

    async def beat_history(self, beat: WriterBeat) -> None:
        self._store.history_state |= asdict(beat) | {"at": int(1000 * self._store.now())}

    @property
    def _bytes(self) -> int:
        return int(self._store.history_state.get("bytes", 0)) if self._store.history else 0

    @property
    def _trimmed(self) -> int:
        return int(self._store.history_state.get("trimmed", 0))
