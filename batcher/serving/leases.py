"""The leases that a card holds: what of each is under way, and what ended since the last trip to the broker. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from batcher.policy.batching import Held
from batcher.serving.batch import Batch
from batcher.serving.report import Left
from broker.messages import Failure, Finish, Job, Result


@dataclass(slots=True, kw_only=True)
class Lease:
    """One of them. `results` and `failures` are those that nobody was told yet."""

    batch: Batch
    left: dict[str, Job]  # under way, by id
    results: list[Result] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)  # all of them
    unwanted: int = 0  # jobs that nobody waits for any more
    is_abandoned: bool = False  # of some of its jobs nobody will be told: it runs out, and they are served again

    @property
    def is_over(self) -> bool:
        """Nothing of it is under way any more."""
        return not self.left

    @property
    def has_news(self) -> bool:
        return bool(self.results or self.failures or self.is_over)

    @property
    def ended(self) -> int:
        """Outcomes that nobody was told yet."""
        return len(self.results) + len(self.failures)

    def leave(self, left: Left) -> list[Job]:
        """Jobs of it have left the engine; these."""
        self.is_abandoned |= bool(left.abandoned)
        self.unwanted += len(left.unwanted)
        jobs = [self.left.pop(id) for id in (*left.unwanted, *left.abandoned)]
        for done in left.done:
            job = self.left.pop(done.job_id)
            jobs.append(job)
            if done.failure is None:
                self.results.append(self.batch.result(job, done, beside=left.beside))
            else:
                self.failures.append(done.failure)
                self.failed.append(done.failure)
        self.batch.seconds = max(self.batch.seconds, left.seconds)
        self.batch.passes = max(self.batch.passes, left.passes)
        return jobs

    def take(self) -> Ended:
        """What ended since it was last asked."""
        is_done = self.is_over and not self.is_abandoned
        finish = Finish(batch=self.batch.id, results=self.results, done=is_done)
        ended = Ended(lease=self, finish=finish, failures=self.failures, is_over=self.is_over)
        self.results, self.failures = [], []
        return ended


class Ended(Struct, frozen=True, kw_only=True):
    """What ended of a lease, on its way to the broker."""

    lease: Lease
    finish: Finish
    failures: Sequence[Failure]
    is_over: bool


class Leases:
    """Jobs start batch by batch and leave in any order."""

    def __init__(self) -> None:
        self._held: dict[str, Lease] = {}
        self.jobs = self._tokens = 0  # under way
        self._ended = 0  # outcomes that nobody was told yet: counted, for an in-flight engine has hundreds of leases

    def __bool__(self) -> bool:
        """Whether any is held: jobs are under way, or somebody is still to be told of their end."""
        return bool(self._held)

    @property
    def held(self) -> Held:
        return Held(leases=len(self._held), jobs=self.jobs, tokens=self._tokens, ended=self._ended)

    @property
    def has_news(self) -> bool:
        """Whether a trip to the broker has something to tell."""
        return self._ended > 0 or any(not lease.left for lease in self._held.values())

    @property
    def running(self) -> Lease | None:
        """The oldest of which jobs are under way."""
        return next((lease for lease in self._held.values() if not lease.is_over), None)

    def hold(self, batch: Batch) -> None:
        """A claimed batch is under way from now on; what of it never was a job has failed at once."""
        left, spoiled = {job.id: job for job in batch.claim.jobs}, batch.spoiled()
        self._held[batch.id] = Lease(batch=batch, left=left, failures=spoiled, failed=[*spoiled])
        self._ended += len(spoiled)
        self._count(left.values(), 1)

    def leave(self, left: Left) -> None:
        """Jobs have left the engine."""
        self._count(self._held[left.batch].leave(left), -1)
        self._ended += len(left.done)

    def take_ended(self) -> list[Ended]:
        """What ended since it was last asked, by lease. A lease stays held until it is `close`d."""
        self._ended = 0
        return [lease.take() for lease in self._held.values() if lease.has_news]

    def close(self, batch: str) -> None:
        """It is not held any more: everybody is told, or it went back to the queue. Again is harmless."""
        if lease := self._held.pop(batch, None):
            self._count(lease.left.values(), -1)
            self._ended -= lease.ended

    def _count(self, jobs: Collection[Job], sign: int) -> None:
        self.jobs += sign * len(jobs)
        self._tokens += sign * sum(job.cost for job in jobs)
