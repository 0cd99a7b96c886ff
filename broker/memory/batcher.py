"""The in-memory twin as one batcher sees it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

from broker.contract import NEVER
from broker.memory.claim import Claiming
from broker.memory.queue import Lease, Queue
from broker.memory.store import MemoryStore
from broker.messages import Claim, DeadLetter, Depth, Failure, Finish, Limits, Outcome


class MemoryBatcher:
    """Keeps `BatcherBroker`."""

    def __init__(self, store: MemoryStore, model: str, *, lease: float = 2.5) -> None:
        self._store = store
        self._model = model
        self._lease = lease
        self._addresses: defaultdict[str, dict[str, str]] = defaultdict(dict)  # batch → job id → who waits

    @property
    def _queue(self) -> Queue:
        return self._store.queues[self._model]

    async def wait(self, timeout: float) -> bool:
        self._store.now()
        return await self._queue.wake.take(timeout)

    async def depth(self, *, wait: float = 0.0) -> Depth:
        if wait > 0.0:
            await self.wait(wait)
        now = self._store.now()
        lanes = [job for lane in self._queue.lanes.values() for job in lane]
        oldest = min((job.admitted for job in lanes), default=now)
        tokens = sum(job.cost for job in lanes)
        return Depth(jobs=len(self._queue.waiting), tokens=tokens, oldest_age=now - oldest)

    async def drain(
        self,
        batch: str,
        limits: Limits,
        *,
        staged: bool,
        suspects: bool,
        wait: float = 0.0,
        bulk_after: float = NEVER,
    ) -> Claim:
        if wait > 0.0:
            await self.wait(wait)
        now = self._store.now()
        queue = self._queue
        known = queue.leases.get(batch)
        if known and known.jobs:
            known.extend_for_asking(now + self._lease)
            known.closed_by = "again"
        else:
            claiming = Claiming(limits, partial(queue.is_live, now=now), now - bulk_after)
            claiming.run(queue, suspects_first=suspects, staged=staged)
            jobs = {job.id: job for job in claiming.jobs}
            if jobs:
                queue.leases[batch] = Lease(jobs, now + self._lease, staged, claiming.closed_by)
            self._wake_another(queue)
        claim = self._store.claimed(batch, queue)
        if claim.jobs:  # remembered longer than the lease: a late result is good
            self._addresses[batch] = {job.id: job.front_end for job in claim.jobs}
        return claim

    def _wake_another(self, queue: Queue) -> None:
        if queue.waiting:
            queue.wake.push()
            return
        queue.wake.drop()
        if not queue.leases:
            queue.marks.clear()  # there is nothing to cancel

    async def finish(self, ended: Sequence[Finish], *, starts: str | None) -> None:
        self._store.now()
        self._publish({one.batch: one.results for one in ended})
        for one in ended:
            self._take_out(one)
        if starts is not None:
            self._start(starts)

    def _take_out(self, ended: Finish) -> None:
        leases = self._queue.leases
        if ended.batch in leases:
            leases[ended.batch].take_out(result.job_id for result in ended.results)
        if ended.done:
            leases.pop(ended.batch, None)
            self._addresses.pop(ended.batch, None)

    async def fail(self, batch: str, failures: Sequence[Failure]) -> None:
        self._store.now()
        leases = self._queue.leases
        if batch in leases:
            gone = leases[batch].take_out(failure.job_id for failure in failures)
            self._publish({batch: [failure for failure in failures if failure.job_id in gone]})
            if not leases[batch].jobs:
                del leases[batch]
        for failure in failures:
            self._addresses[batch].pop(failure.job_id, None)

    def _publish(self, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
        """Of some batches: one frame for each front end that waits for some of these."""
        frames: defaultdict[str, list[Outcome]] = defaultdict(list)
        for batch, ended in outcomes.items():
            for outcome in ended:
                if outcome.job_id in self._addresses[batch]:
                    self._store.bodies.discard(outcome.job_id)
                    frames[self._addresses[batch][outcome.job_id]].append(outcome)
        for front_end, frame in frames.items():
            self._store.publish(front_end, frame)

    async def start(self, batch: str) -> None:
        self._store.now()
        self._start(batch)

    def _start(self, batch: str) -> None:
        if batch in self._queue.leases:
            self._queue.leases[batch].staged = False

    async def release(self, batch: str) -> None:
        self._store.now()
        lease = self._queue.leases.pop(batch, None)
        self._addresses.pop(batch, None)
        if lease:
            self._queue.put_back(lease.jobs.values())
            self._queue.wake.push()

    async def reclaim(self) -> Sequence[DeadLetter]:
        now = self._store.now()
        queue = self._queue
        expired = [batch for batch, lease in queue.leases.items() if lease.expires <= now]
        leases = [queue.leases.pop(batch) for batch in expired]
        queue.put_back(job for lease in leases if lease.staged for job in lease.jobs.values())
        letters = [
            self._store.crash(self._model, job) for lease in leases if not lease.staged for job in lease.jobs.values()
        ]
        if leases and queue.waiting:
            queue.wake.push()
        queue.sweep_marks(now - 2 * self._lease)
        self._store.prune()
        return [letter for letter in letters if letter]

    async def aclose(self) -> None:
        """Nothing to close; Redis has."""
