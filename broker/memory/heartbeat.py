"""The in-memory twin as a batcher's heartbeat sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.memory.store import MemoryStore
from broker.messages import ModelCard, Presence, Pulse


class MemoryHeartbeat:
    """Keeps `HeartbeatBroker`."""

    def __init__(self, store: MemoryStore, model: str, *, lease: float = 2.5) -> None:
        self._store = store
        self._model = model
        self._lease = lease
        self._announced: tuple[ModelCard, Mapping[str, bytes]] | None = None

    def announce(self, card: ModelCard, artifacts: Mapping[str, bytes]) -> None:
        self._store.now()
        self._announced = (card, artifacts)
        self._store.announce(card, artifacts)

    def beat(self, presence: Presence, jobs: Mapping[str, Sequence[str]]) -> Pulse:
        now = self._store.now()
        queue = self._store.queues[self._model]
        leases = queue.leases
        for batch in jobs.keys() & leases.keys():
            leases[batch].expires = now + self._lease
            leases[batch].take_out([id for id in leases[batch].jobs if queue.is_cancelled(id)])
        self._store.presences[presence.batcher] = (now, presence)
        if self._announced:
            self._store.announce(*self._announced)
        return Pulse(
            cancelled=frozenset(job for batch, ids in jobs.items() for job in ids if queue.is_of_no_use(batch, job)),
            lost=frozenset(jobs.keys() - leases.keys()),
            epoch=self._store.epoch,
            limits=self._store.limits.get(self._model.partition("@")[0]),
        )

    def leave(self, batcher: str) -> None:
        self._store.now()
        self._store.presences.pop(batcher, None)

    def close(self) -> None:
        """Nothing to close; Redis has."""
