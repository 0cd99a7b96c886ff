"""The in-memory twin of the broker, for unit tests: the promises of `contract.py` without a server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from broker.contract import CHUNK, NEVER, Frames
from broker.memory.claim import Claiming
from broker.memory.heart import MemoryHeart
from broker.memory.store import Lease, MemoryStore, Queue, cost_of
from broker.messages import (
    AdmitRequest,
    Cancel,
    Claim,
    DeadLetter,
    Depth,
    Failure,
    FailureCode,
    Finish,
    Fleet,
    Job,
    Limits,
    Outcome,
    Verdict,
)
from broker.trips import how_many
from broker.wire import decode_frame, decode_job, encode_job

__all__ = ["MemoryBatcher", "MemoryFrontEnd", "MemoryHeart", "MemoryStore"]

FRAMES_AT_ONCE = 256


class MemoryFrontEnd:
    """The broker as one front end sees it."""

    def __init__(
        self,
        store: MemoryStore,
        front_end: str,
        *,
        max_queue_jobs: int = 10_000,
        max_queue_tokens: int = 10_000_000,
    ) -> None:
        self._store = store
        self._id = front_end
        self._max_jobs = max_queue_jobs
        self._max_tokens = max_queue_tokens

    async def admit(
        self, sequence: int, requests: Sequence[AdmitRequest], cancelled: Collection[Cancel]
    ) -> list[Verdict]:
        now = self._store.now()
        for one in cancelled:
            self._store.queues[one.model].marks[one.ids] = now
        last, verdicts = self._store.admissions.get(self._id, (None, ()))
        if sequence != last:
            carried = how_many(sum(len(encode_job(job)) for job in request.jobs) for request in requests)
            verdicts = [self._judge(request, now) for request in requests[:carried]]
            self._store.admissions[self._id] = (sequence, verdicts)
        return list(verdicts)

    def _judge(self, request: AdmitRequest, now: float) -> Verdict:
        queue = self._store.queues[request.model]
        lane = queue.lanes[request.lane]
        if request.time_left < 0.001:  # the broker's clock counts milliseconds
            return Verdict(refusal=FailureCode.EXPIRED, waiting=len(lane))
        if not self._has_room(lane, request.jobs):  # each lane its own: a flood of bulk closes no door to the others
            return Verdict(refusal=FailureCode.CONTENDED, waiting=len(lane))
        ahead = queue.jobs_ahead_of(request.lane, request.jobs, request.room)
        if _exceeds(ahead, request.most_ahead):
            return Verdict(refusal=FailureCode.CONTENDED, ahead=ahead)
        tokens_ahead = queue.tokens_ahead_of(request.lane, request.jobs, request.room_tokens)
        if ahead and _exceeds(tokens_ahead, request.most_tokens_ahead):
            return Verdict(refusal=FailureCode.CONTENDED, ahead=ahead, tokens_ahead=tokens_ahead)
        if not lane or _fills_a_batch(queue, request):
            queue.wake.push()
        lane.extend(_stamped(job, request, now) for job in request.jobs)
        return Verdict(waiting=len(lane))

    def _has_room(self, waiting: Sequence[Job], jobs: Sequence[Job]) -> bool:
        """An empty lane takes any number of tokens: the largest request must have its chance."""
        tokens = sum(job.cost for job in (*waiting, *jobs))
        return len(waiting) + len(jobs) <= self._max_jobs and (not waiting or tokens <= self._max_tokens)

    async def receive(self, handled: int, wait: float) -> Frames:
        self._store.now()
        frames = self._store.replies[self._id]
        for _ in range(min(handled, len(frames))):
            frames.popleft()
        if not frames and wait > 0:
            await self._store.bells[self._id].take(wait)
        taken = list(frames)[:FRAMES_AT_ONCE]
        outcomes = [outcome for frame in taken for outcome in decode_frame(frame)]
        return Frames(count=len(taken), outcomes=outcomes, more=len(frames) > len(taken))

    async def look(self) -> Fleet:
        self._store.now()
        return self._store.fleet()

    async def settle_default(self, task: str, name: str, *, again: bool = False) -> None:
        self._store.now()
        if again:
            self._store.defaults[task] = name
        self._store.defaults.setdefault(task, name)

    async def artifact(self, sha256: str, at: int = 0) -> bytes | None:
        now = self._store.now()
        fades, data = self._store.artifacts.get(sha256, (0.0, b""))
        return data[at : at + CHUNK] if fades > now else None

    async def aclose(self) -> None:
        """Nothing to close; Redis has."""


def _exceeds(ahead: int, most: int | None) -> bool:
    return most is not None and ahead > max(0, most)


def _fills_a_batch(queue: Queue, request: AdmitRequest) -> bool:
    """Whether another batch's worth waits with this request, in jobs or in tokens."""
    jobs, tokens = queue.lanes_hold
    more = len(request.jobs), cost_of(request.jobs)
    sizes = request.batch, request.batch_tokens
    return any(
        size and (before + new) // size > before // size
        for before, new, size in zip((jobs, tokens), more, sizes, strict=True)
    )


def _stamped(job: Job, request: AdmitRequest, now: float) -> Job:
    """The job as the broker keeps it. It has been bytes once, so that what cannot travel fails here too."""
    return decode_job(encode_job(replace(job, lane=request.lane, admitted=now, deadline=now + request.time_left)))


class MemoryBatcher:
    """The broker as one batcher sees it."""

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

    async def depth(self) -> Depth:
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
        if self._store.claimed(batch, queue).jobs:
            queue.leases[batch].extend_for_asking(now + self._lease)
            queue.leases[batch].closed_by = "again"
        else:
            claiming = Claiming(limits, partial(queue.is_live, now=now), now - bulk_after)
            claiming.run(queue, suspects_first=suspects, staged=staged)
            jobs = {job.id: job for job in claiming.jobs}
            if jobs:
                queue.leases[batch] = Lease(jobs, now + self._lease, staged, claiming.closed_by)
            self._pass_baton(queue)
        claim = self._store.claimed(batch, queue)
        if claim.jobs:  # remembered longer than the lease: a late result is good
            self._addresses[batch] = {job.id: job.front_end for job in claim.jobs}
        return claim

    def _pass_baton(self, queue: Queue) -> None:
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
