"""The in-memory twin's predictions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from broker.memory.store import MemoryStore
from broker.predictions.contract import (
    HOOK_LEASE,
    LEASE,
    OVERHEAD,
    Beat,
    Created,
    Creation,
    Ending,
    Hook,
    HookTry,
    Order,
    Prediction,
    State,
)


@dataclass(slots=True)
class Kept:
    """One of them, and what lies beside it."""

    prediction: Prediction
    due: float
    body: bytes | None = None
    result: bytes | None = None
    rows: list[bytes] = field(default_factory=list)
    has_hook: bool = False
    hook_due: float | None = None  # its webhook's
    tries: int = 0  # to deliver that

    @property
    def bytes(self) -> int:
        kept = (self.prediction.request, self.body or b"", self.result or b"", *self.rows)
        return sum(len(one) for one in kept) + OVERHEAD


class MemoryPredictions:
    """Keeps `PredictionBroker`. Everything stands in the store, which all front ends share."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.lease, self.hook_lease = LEASE, HOOK_LEASE

    async def create(self, order: Order, most_bytes: int) -> Created:
        now = self._now()
        if order.id in self._all:
            return Created(outcome=Creation.CREATED, id=order.id)
        known, fingerprint, until = self._store.idempotency.get(order.key, ("", "", 0.0))
        if until > now and known in self._all:
            same = fingerprint == order.fingerprint
            return Created(outcome=Creation.REPLAYED if same else Creation.MISMATCH, id=known)
        made = Kept(_prediction(order, now), now + self.lease, order.body, has_hook=order.has_hook)
        if sum(one.bytes for one in self._all.values()) + made.bytes > most_bytes:
            first = min((one.prediction.expires for one in self._all.values()), default=now)
            return Created(outcome=Creation.FULL, wait=max(0.0, first - now))
        self._all[order.id] = made
        if order.key:
            life = order.time_left + order.keep
            self._store.idempotency[order.key] = (order.id, order.fingerprint, now + life)
        return Created(outcome=Creation.CREATED, id=order.id)

    async def read(self, ids: Collection[str]) -> dict[str, Prediction]:
        now = self._now()
        found = {id: self._all[id] for id in ids if id in self._all}
        return {id: replace(kept.prediction, now=now, size=kept.bytes) for id, kept in found.items()}

    async def begin(self, id: str, owner: str) -> bytes | None:
        now, kept = self._now(), self._all.get(id)
        if kept is None or not _holds(owner, kept):
            return None
        started = kept.prediction.started or now
        kept.prediction = replace(kept.prediction, state=State.RUNNING, started=started)
        return kept.body

    async def add_rows(self, id: str, owner: str, first: int, rows: Sequence[bytes], failed: int) -> int | None:
        self._now()
        kept = self._all.get(id)
        if kept is None or not _holds(owner, kept):
            return None
        before = len(kept.rows)
        if first <= before < first + len(rows):
            kept.rows += rows[before - first :]
            kept.prediction = replace(kept.prediction, done=len(kept.rows) - failed, failed=failed)
        return len(kept.rows)

    async def rows(self, id: str, first: int, most: int) -> Sequence[bytes]:
        self._now()
        kept = self._all.get(id)
        return kept.rows[first : first + most] if kept is not None else []

    async def finish(self, ending: Ending) -> bool:
        now, kept = self._now(), self._all.get(ending.id)
        if kept is None:
            return False
        before = kept.prediction
        if not before.state.is_open:
            return before.state is not State.CANCELED and before.owner == ending.owner
        if ending.state is not State.SUCCEEDED and before.owner != ending.owner:
            return False
        kept.body, kept.result, kept.rows = None, ending.result, []
        kept.hook_due = now if kept.has_hook else None
        kept.prediction = replace(
            before,
            state=ending.state,
            owner=ending.owner,
            done=ending.done,
            failed=ending.failed,
            finished=now,
            expires=now + ending.keep,
        )
        return True

    async def result(self, id: str, owner: str) -> bytes | None:
        self._now()
        kept = self._all.get(id)
        return kept.result if kept is not None and kept.prediction.owner == owner else None

    async def remove(self, id: str) -> State | None:
        now, kept = self._now(), self._all.get(id)
        if kept is None:
            return None
        before = kept.prediction.state
        if before.is_open:
            kept.body, kept.rows = None, []
            kept.prediction = replace(kept.prediction, state=State.CANCELED, finished=now)
            kept.hook_due = now if kept.has_hook else None
        else:
            del self._all[id]
        return before

    async def beat(self, owner: str, ids: Collection[str], most: int) -> Beat:
        now = self._now()
        held = [id for id in ids if id in self._all and _holds(owner, self._all[id])]
        for id in held:
            self._all[id].due = now + self.lease
        live = {id: kept for id, kept in self._all.items() if kept.prediction.state.is_open}
        ended = sorted((kept.due, id) for id, kept in live.items() if kept.due <= now)
        adopted = [id for _, id in ended[:most]]
        for id in adopted:
            live[id].prediction, live[id].due = replace(live[id].prediction, owner=owner), now + self.lease
        return Beat(lost=[id for id in ids if id not in held], adopted=adopted, open=len(live))

    async def release(self, owner: str, ids: Collection[str]) -> None:
        self._now()
        for id in ids:
            if id in self._all and _holds(owner, self._all[id]):
                self._all[id].due = 0.0

    async def take_hooks(self, most: int) -> list[Hook]:
        now = self._now()
        due = sorted((kept.hook_due, id) for id, kept in self._all.items() if kept.hook_due is not None)
        taken = [id for at, id in due if at <= now][:most]
        for id in taken:
            self._all[id].hook_due, self._all[id].tries = now + self.hook_lease, self._all[id].tries + 1
        return [Hook(id=id, tries=self._all[id].tries) for id in taken]

    async def settle_hook(self, id: str, wait: float | None, tried: HookTry) -> None:
        now, kept = self._now(), self._all.get(id)
        if kept is not None and kept.hook_due is not None:
            kept.hook_due = None if wait is None else now + wait

    async def persisted(self) -> bool:
        return True

    async def epoch(self) -> str:
        self._store.now()
        return self._store.epoch

    @property
    def _all(self) -> dict[str, Kept]:
        return self._store.predictions

    def _now(self) -> float:
        """The broker's clock; what is over by it is gone."""
        now = self._store.now()
        for id in [id for id, kept in self._all.items() if kept.prediction.expires <= now]:
            del self._all[id]
        return now


def _holds(owner: str, kept: Kept) -> bool:
    return kept.prediction.state.is_open and kept.prediction.owner == owner


def _prediction(order: Order, now: float) -> Prediction:
    return Prediction(
        id=order.id,
        state=State.RUNNING if order.runs else State.QUEUED,
        owner=order.owner,
        request=order.request,
        size=0,
        records=order.records,
        done=0,
        failed=0,
        created=now,
        started=now if order.runs else None,
        finished=None,
        deadline=now + order.time_left,
        expires=now + order.time_left + order.keep,
        now=now,
    )
