"""The in-memory twin as one front end sees it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from broker.contract import CHUNK, MOST_OF_A_LANE, Frames, StoredCredentials
from broker.memory.history import MemoryHistory
from broker.memory.predictions import MemoryPredictions
from broker.memory.queue import Queue, bytes_of, cost_of
from broker.memory.store import MemoryStore
from broker.messages import AdmitRequest, FailureCode, Fleet, Job, Over, Running, Traffic, Verdict
from broker.trips import how_many
from broker.wire import decode_frame, decode_job, encode_job

FRAMES_AT_ONCE = 256


class MemoryFrontEnd:
    """Keeps `FrontEndBroker`."""

    def __init__(
        self,
        store: MemoryStore,
        front_end: str,
        *,
        max_queue_jobs: int = 10_000,
        max_queue_tokens: int = 10_000_000,
        max_queue_bytes: int = 1 << 28,
    ) -> None:
        self._store = store
        self.predictions = MemoryPredictions(store)
        self.history = MemoryHistory(store)
        self._id = front_end
        self._max_jobs = max_queue_jobs
        self._max_tokens = max_queue_tokens
        self._max_bytes = max_queue_bytes

    async def admit(
        self, sequence: int, requests: Sequence[AdmitRequest], cancelled: Collection[Over]
    ) -> list[Verdict]:
        now = self._store.now()
        for one in cancelled:
            if isinstance(one, Running):
                self._store.throttle.end(one.caller, one.ids)
                continue
            self._store.queues[one.model].marks[one.ids] = now
            self._store.bodies = {job for job in self._store.bodies if not job.startswith(one.ids)}
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
        refused = self._store.throttle.refused_by(request, now)
        if refused:
            allowances = self._store.throttle.allowances(request, now, *refused)
            return Verdict(refusal=FailureCode.RATE_LIMITED, policy=refused[0], allowances=allowances)
        if not self._has_room(lane, request):  # each lane its own: a flood of bulk keeps no others out
            return Verdict(refusal=FailureCode.CONTENDED, waiting=len(lane))
        ahead = queue.jobs_ahead_of(request)
        if _exceeds(ahead, request.most_ahead):
            return Verdict(refusal=FailureCode.CONTENDED, ahead=ahead)
        tokens_ahead = queue.tokens_ahead_of(request)
        if ahead and _exceeds(tokens_ahead, request.most_tokens_ahead):
            return Verdict(refusal=FailureCode.CONTENDED, ahead=ahead, tokens_ahead=tokens_ahead)
        if not lane or _fills_a_batch(queue, request):
            queue.wake.push()
        queue.turns[request.lane].weights[request.list] = request.weight
        lane.extend(_stamped(job, request, now) for job in request.jobs)
        self._store.bodies |= {job.id for job in request.jobs}
        self._store.throttle.charge(request, now)
        return Verdict(waiting=len(lane), allowances=self._store.throttle.allowances(request, now))

    def _has_room(self, waiting: Sequence[Job], request: AdmitRequest) -> bool:
        """An empty lane takes any number of tokens and bytes: the largest request must have its chance. The last
        eighth is for callers of whom nothing waits."""
        both = (*waiting, *request.jobs)
        is_anybody = not request.list and not request.policies
        part = 1.0 if is_anybody or not any(job.list == request.list for job in waiting) else MOST_OF_A_LANE
        if len(request.jobs) > self._max_jobs or (waiting and len(both) > part * self._max_jobs):
            return False
        return not waiting or (cost_of(both) <= part * self._max_tokens and bytes_of(both) <= part * self._max_bytes)

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

    async def restore_traffic(self, name: str, traffic: Traffic) -> None:
        self._store.now()
        self._store.traffic.setdefault(name, traffic)

    async def credentials(self, version: str) -> StoredCredentials | None:
        self._store.now()
        found = self._store.credentials
        return None if found.version == version else found

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
    place = {"lane": request.lane, "list": request.list, "weight": request.weight}
    return decode_job(encode_job(replace(job, **place, admitted=now, deadline=now + request.time_left)))
