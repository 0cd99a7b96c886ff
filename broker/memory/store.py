"""What Redis keeps in keys, kept in plain Python: the state behind the in-memory twin."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from msgspec import structs

from broker.contract import (
    ARTIFACT_TTL,
    POISON_AFTER,
    PRESENCE_TTL,
    PRUNED_AFTER,
    StoredCredentials,
)
from broker.errors import BrokerError
from broker.memory.queue import Lease, Queue, Token, is_large
from broker.memory.throttle import Throttle
from broker.messages import (
    Announcement,
    Claim,
    DeadLetter,
    Failure,
    FailureCode,
    Fleet,
    Job,
    Limits,
    ModelCard,
    Outcome,
    Presence,
    Result,
    Traffic,
    Verdict,
)
from broker.wire import POISON_MESSAGE, encode_failures, encode_results


class MemoryStore:
    """One broker, for as long as the test keeps it. Share it between the twin's three faces."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        presence_ttl: float = PRESENCE_TTL,
        pruned_after: float = PRUNED_AFTER,
        artifact_ttl: float = ARTIFACT_TTL,
    ) -> None:
        self.clock = clock
        self.presence_ttl = presence_ttl  # seconds without a beat until front ends stop counting on a batcher
        self.pruned_after = pruned_after  # seconds without a beat until its card is forgotten
        self.artifact_ttl = artifact_ttl  # seconds without a beat until a file is forgotten
        self.fault: BrokerError | None = None  # set it, and every call raises it
        self.lose_everything()

    def lose_everything(self) -> None:
        """The broker came back empty."""
        self.queues: defaultdict[str, Queue] = defaultdict(Queue)
        self.bodies: set[str] = set()  # ids of the jobs whose end nobody has told, and that are not cancelled
        self.replies: defaultdict[str, deque[bytes]] = defaultdict(deque)
        self.bells: defaultdict[str, Token] = defaultdict(Token)
        self.admissions: dict[str, tuple[int, Sequence[Verdict]]] = {}
        self.cards: dict[str, Announcement] = {}
        self.presences: dict[str, tuple[float, Presence]] = {}
        self.artifacts: dict[str, tuple[float, bytes]] = {}
        self.limits: dict[str, Limits] = {}  # model name → what an operator set
        self.defaults: dict[str, str] = {}  # task → model name
        self.traffic: dict[str, Traffic] = {}  # model name → what an operator set
        self.throttle = Throttle()
        self.credentials = StoredCredentials(version="")
        self.predictions: dict[str, Any] = {}  # by id, as `memory/predictions.py` keeps them
        self.idempotency: dict[str, tuple[str, str, float]] = {}  # key → prediction, fingerprint, until when
        self.history: deque[bytes] = deque()  # blocks
        self.history_state: dict[str, Any] = {}  # as `memory/history.py` keeps it
        self._epoch = ""

    def now(self) -> float:
        """The broker's clock, if the broker is there."""
        if self.fault:
            raise self.fault
        return self.clock()

    @property
    def epoch(self) -> str:
        """Set by whoever finds none."""
        self._epoch = self._epoch or uuid4().hex
        return self._epoch

    def publish(self, front_end: str, outcomes: Sequence[Outcome]) -> None:
        """One frame to one front end; as bytes, so that what cannot travel fails here as it would there."""
        results = [outcome for outcome in outcomes if isinstance(outcome, Result)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        self.replies[front_end] += [encode_results(results)] if results else [encode_failures(failures)]
        self.bells[front_end].push()

    def claimed(self, batch: str, queue: Queue) -> Claim:
        """What a lease holds, or nothing. A large job that is cancelled, or whose end was told, leaves it: its body is
        gone."""
        lease = queue.leases.get(batch) or Lease({}, 0.0, False, "empty")
        lease.take_out([job.id for job in lease.jobs.values() if job.id not in self.bodies and is_large(job)])
        if not lease.jobs:
            queue.leases.pop(batch, None)
        return Claim(
            batch=batch,
            jobs=list(lease.jobs.values()),
            left=len(queue.waiting),
            suspects=len(queue.suspects),
            claimed=self.clock(),
            closed_by=lease.closed_by,
        )

    def crash(self, model: str, job: Job) -> DeadLetter | None:
        """One more attempt: a suspect, or after the third a dead letter whose caller is told."""
        job = structs.replace(job, attempts=job.attempts + 1)
        if job.attempts < POISON_AFTER:
            self.queues[model].suspects.append(job)
            return None
        letter = DeadLetter(job_id=job.id, model=model, meta=job.meta)
        self.queues[model].dead.append(letter)
        self.publish(job.front_end, [Failure(job_id=job.id, code=FailureCode.POISON, message=POISON_MESSAGE)])
        return letter

    def fleet(self) -> Fleet:
        return Fleet(
            epoch=self.epoch,
            announcements=[replace(known, batchers=self.behind(key)) for key, known in self.cards.items()],
            known_names=frozenset(known.card.name for known in self.cards.values()),
            defaults=dict(self.defaults),
            traffic=dict(self.traffic),
        )

    def behind(self, model: str) -> list[Presence]:
        """The live batchers of a model."""
        oldest = self.clock() - self.presence_ttl
        return [presence for beat, presence in self.presences.values() if presence.model == model and beat >= oldest]

    def announce(self, card: ModelCard, artifacts: Mapping[str, bytes]) -> None:
        self.cards.setdefault(card.key, Announcement(card=card, announced=self.clock()))
        fades = self.clock() + self.artifact_ttl
        self.artifacts.update({sha256: (fades, data) for sha256, data in artifacts.items()})

    def prune(self) -> None:
        """Forget cards that nobody stands behind; a card just announced may wait for its first beat."""
        oldest = self.clock() - self.pruned_after
        self.presences = {name: entry for name, entry in self.presences.items() if entry[0] >= oldest}
        live = {presence.model for _, presence in self.presences.values()}
        self.cards = {key: known for key, known in self.cards.items() if known.announced >= oldest or key in live}
