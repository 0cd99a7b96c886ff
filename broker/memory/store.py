"""What Redis keeps in keys, kept in plain Python: the state behind the in-memory twin, one class per thing."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any
from uuid import uuid4

from msgspec import structs

from broker.contract import (
    ARTIFACT_TTL,
    BULK_SHARE,
    DEAD_KEPT,
    MOST_ASKED,
    POISON_AFTER,
    PRESENCE_TTL,
    PRUNED_AFTER,
    StoredCredentials,
)
from broker.errors import BrokerError
from broker.memory.throttle import Throttle
from broker.memory.turns import Turns
from broker.messages import (
    RECORD,
    REQUEST,
    AdmitRequest,
    Announcement,
    Claim,
    DeadLetter,
    Failure,
    FailureCode,
    Fleet,
    Job,
    Lane,
    Limits,
    ModelCard,
    Outcome,
    Presence,
    Result,
    Traffic,
    Verdict,
)
from broker.wire import LARGE, POISON_MESSAGE, encode_failures, encode_job, encode_results


class Token:
    """At most one, for one taker. Timeouts are the event loop's: an unanswered wait really waits."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def push(self) -> None:
        self._event.set()

    def drop(self) -> bool:
        """Take it away; was there one?"""
        present = self._event.is_set()
        self._event.clear()
        return present

    async def take(self, timeout: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(timeout, 0.0)):
                await self._event.wait()
        return self.drop()


@dataclass(slots=True)
class Lease:
    """One batch in a batcher's hands."""

    jobs: dict[str, Job]
    expires: float
    staged: bool
    closed_by: str
    asked: int = 0  # times that its claim was asked for again
    tokens: int = 0  # of its jobs; of those that left as many as of the others

    def __post_init__(self) -> None:
        self.tokens = cost_of(self.jobs.values())

    def take_out(self, job_ids: Iterable[str]) -> set[str]:
        """Those of them that it held, and holds no more."""
        held = len(self.jobs)
        gone = {id for id in job_ids if self.jobs.pop(id, None)}
        self.tokens = self.tokens * len(self.jobs) // held if held else 0
        return gone

    def extend_for_asking(self, until: float) -> None:
        """Whoever only asks does not hold jobs for ever."""
        if self.asked < MOST_ASKED:
            self.asked, self.expires = self.asked + 1, until


@dataclass(slots=True)
class Queue:
    """Everything that belongs to one model."""

    lanes: dict[Lane, deque[Job]] = field(default_factory=lambda: {lane: deque() for lane in Lane})
    turns: dict[Lane, Turns] = field(default_factory=lambda: {lane: Turns() for lane in Lane})
    suspects: deque[Job] = field(default_factory=deque)
    leases: dict[str, Lease] = field(default_factory=dict)
    dead: deque[DeadLetter] = field(default_factory=lambda: deque(maxlen=DEAD_KEPT))
    wake: Token = field(default_factory=Token)
    marks: dict[str, float] = field(default_factory=dict)  # first digits of ids that are cancelled → when that was said

    def is_cancelled(self, job: str) -> bool:
        return job[:REQUEST] in self.marks or job[:RECORD] in self.marks

    def is_live(self, job: Job, now: float) -> bool:
        return job.deadline > now and not self.is_cancelled(job.id)

    def is_of_no_use(self, batch: str, job: str) -> bool:
        """Nobody waits for this job of a batch that was claimed, or its lease does not hold it any more."""
        return self.is_cancelled(job) or (batch in self.leases and job not in self.leases[batch].jobs)

    def sweep_marks(self, before: float) -> None:
        """A mark is of no use once every job that waits was admitted after it."""
        oldest = min((jobs[0].admitted for jobs in (*self.lanes.values(), self.suspects) if jobs), default=before)
        self.marks = {ids: said for ids, said in self.marks.items() if said >= min(before, oldest)}

    @property
    def waiting(self) -> list[Job]:
        return [job for jobs in (*self.lanes.values(), self.suspects) for job in jobs]

    @property
    def lanes_hold(self) -> tuple[int, int]:
        """Jobs and tokens."""
        jobs = [job for lane in self.lanes.values() for job in lane]
        return len(jobs), cost_of(jobs)

    def jobs_ahead_of(self, request: AdmitRequest) -> int:
        """Jobs that end before these that come now; a full batch has `room` of them."""
        held = sum(len(lease.jobs) for lease in self._held)
        return _ahead_of(request.lane, len(request.jobs), request.room, self._measured(len, request), held)

    def tokens_ahead_of(self, request: AdmitRequest) -> int:
        """The same in tokens."""
        held = sum(lease.tokens for lease in self._held)
        return _ahead_of(
            request.lane, cost_of(request.jobs), request.room_tokens, self._measured(cost_of, request), held
        )

    @property
    def _held(self) -> Collection[Lease]:
        return self.leases.values()

    def _measured(self, measure: Callable[[Sequence[Job]], int], request: AdmitRequest) -> dict[Lane, int]:
        """What waits, by lane; of the request's own lane what goes before it, as callers take turns."""
        found = {lane: measure(jobs) for lane, jobs in self.lanes.items()}
        lane, waiting = request.lane, self.lanes[request.lane]
        if waiting:
            ahead = self.turns[lane].jobs_ahead(request.list, waiting, request.weight, len(request.jobs))
            found[lane] = ceil(found[lane] * ahead / len(waiting))
        return found

    def put_back(self, jobs: Iterable[Job]) -> None:
        """To the head, oldest first. A suspect stays one: it must not meet the innocent again."""
        for job in sorted(jobs, key=lambda job: job.admitted)[::-1]:
            home = self.suspects if job.attempts else self.lanes[job.lane]
            home.appendleft(job)


def cost_of(jobs: Iterable[Job]) -> int:
    return sum(job.cost for job in jobs)


def bytes_of(jobs: Iterable[Job]) -> int:
    """As they travel, with their bodies."""
    return sum(len(encode_job(job)) for job in jobs)


def _is_large(job: Job) -> bool:
    """Its body lies apart."""
    return len(encode_job(job)) > LARGE


def _ahead_of(lane: Lane, count: int, room: int, waiting: Mapping[Lane, int], held: int) -> int:
    interactive, bulk = waiting[Lane.INTERACTIVE], waiting[Lane.BULK]
    rest = BULK_SHARE - 1  # seven parts of a batch are for interactive jobs, one for bulk
    if lane is Lane.INTERACTIVE:
        bulk = min(bulk, interactive // rest)
    elif interactive and interactive >= room:
        interactive = rest * (bulk + count)
    return interactive + bulk + held


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
        lease.take_out([job.id for job in lease.jobs.values() if job.id not in self.bodies and _is_large(job)])
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
