"""The in-memory twin as whoever gives out API keys sees it."""

from __future__ import annotations

from broker.contract import StoredCredentials
from broker.memory.store import MemoryStore


class MemoryCredentials:
    """Keeps `CredentialBroker`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def credentials(self) -> StoredCredentials:
        self._store.now()
        return self._store.credentials

    def change_credential(self, id: str, before: bytes, after: bytes) -> bool:
        kept = self._store.credentials
        if kept.entries.get(id, b"") != before:
            return False
        others = {name: entry for name, entry in kept.entries.items() if name != id}
        version = int(kept.version or 1000 * self._store.now()) + 1
        self._store.credentials = StoredCredentials(
            version=str(version), entries=others | ({id: after} if after else {})
        )
        return True
