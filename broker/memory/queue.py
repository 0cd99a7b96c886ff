"""What the in-memory twin keeps of one model: its lanes, suspects, leases and dead letters."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil

from broker.contract import BULK_SHARE, DEAD_KEPT, MOST_ASKED
from broker.memory.turns import Turns
from broker.messages import RECORD, REQUEST, AdmitRequest, DeadLetter, Job, Lane
from broker.wire import LARGE, encode_job


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


def is_large(job: Job) -> bool:
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
