"""The leases that an in-flight engine holds: what of each is under way, and what ended since the last trip. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from batcher.serving.batch import Batch
from batcher.serving.model_thread import Left
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

    def take(self) -> Ended:
        """What ended since it was last asked."""
        is_done = self.is_over and not self.is_abandoned
        told = Finish(batch=self.batch.id, results=self.results, done=is_done)
        ended = Ended(lease=self, finish=told, failures=self.failures, is_over=self.is_over)
        self.results, self.failures = [], []
        return ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What ended of a lease, on its way to the broker."""

    lease: Lease
    finish: Finish
    failures: Sequence[Failure]
    is_over: bool


class Leases:
    """Jobs board by batch and land one by one, in any order."""

    def __init__(self) -> None:
        self._held: dict[str, Lease] = {}

    def __bool__(self) -> bool:
        """Whether any is held: jobs are under way, or somebody is still to be told of their end."""
        return bool(self._held)

    @property
    def jobs(self) -> int:
        """Under way."""
        return sum(len(lease.left) for lease in self._held.values())

    @property
    def tokens(self) -> int:
        """Costs of the jobs under way."""
        return sum(job.cost for lease in self._held.values() for job in lease.left.values())

    @property
    def ended(self) -> int:
        """Outcomes that nobody was told yet."""
        return sum(len(lease.results) + len(lease.failures) for lease in self._held.values())

    @property
    def has_news(self) -> bool:
        """Whether a trip to the broker has something to tell."""
        return any(lease.has_news for lease in self._held.values())

    def hold(self, batch: Batch) -> None:
        """A claimed batch is under way from now on; what of it never was a job has failed at once."""
        left, spoiled = {job.id: job for job in batch.claim.jobs}, batch.spoiled()
        self._held[batch.id] = Lease(batch=batch, left=left, failures=spoiled, failed=[*spoiled])

    def land(self, left: Left) -> None:
        """A job has left the engine."""
        lease = self._held[left.batch]
        job = lease.left.pop(left.job_id)
        lease.is_abandoned |= left.is_abandoned
        lease.batch.seconds = max(lease.batch.seconds, left.seconds)
        if left.done is None:
            lease.unwanted += not left.is_abandoned
        elif left.done.failure is None:
            lease.results.append(lease.batch.result(job, left.done, compute=left.seconds, beside=left.rows))
        else:
            lease.failures.append(left.done.failure)
            lease.failed.append(left.done.failure)

    def take_ended(self) -> list[Ended]:
        """What ended since it was last asked, by lease. A lease stays held until it is `close`d."""
        return [lease.take() for lease in self._held.values() if lease.has_news]

    def close(self, batch: str) -> None:
        """Nothing of it is under way, and everybody is told."""
        del self._held[batch]
