"""How the in-memory twin fills a batch: DRAIN in plain Python."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from broker.contract import BULK_SHARE
from broker.memory.queue import Queue
from broker.memory.turns import Turns, by_list
from broker.messages import Job, Lane, Limits
from broker.trips import CLAIM_BYTES
from broker.wire import encode_job


@dataclass(slots=True)
class Claiming:
    """A batch while DRAIN fills it."""

    limits: Limits
    is_live: Callable[[Job], bool]
    bulk_since: float  # the head of the bulk lane has waited long enough when it was admitted by then
    jobs: list[Job] = field(default_factory=list)
    closed_by: str = "empty"
    bytes: int = 0  # of the jobs, with their bodies

    def run(self, queue: Queue, *, suspects_first: bool, staged: bool) -> None:
        if suspects_first and not staged:
            self._take_suspects(queue)
        if not self.jobs:
            self._take_bulk_share(queue)
            self._fill_from(queue, Lane.INTERACTIVE)
            self._fill_from(queue, Lane.BULK)
        if not self.jobs and not staged:
            self._take_suspects(queue)

    def _take_suspects(self, queue: Queue) -> None:
        self._take(queue.suspects, self._fits_suspects, self.limits.max_batch_size)
        if self.jobs:
            self.closed_by = "suspects"

    def _take_bulk_share(self, queue: Queue) -> None:
        if any(job.admitted <= self.bulk_since for job in queue.lanes[Lane.BULK]):
            self._take_in_turns(queue, Lane.BULK, self._fits_share, max(1, self.limits.max_batch_size // BULK_SHARE))

    def _fill_from(self, queue: Queue, lane: Lane) -> None:
        if self.closed_by == "empty":
            unfit = self._take_in_turns(queue, lane, self._fits, self.limits.max_batch_size)
            is_full = len(self.jobs) >= self.limits.max_batch_size
            self.closed_by = self._bound_of(unfit) if unfit else "size" if is_full else "empty"

    def _take_in_turns(self, queue: Queue, lane: Lane, fits: Callable[[Job], bool], most: int) -> Job | None:
        """From the lists of a lane, as `_take` does from one."""
        waiting, turns = queue.lanes[lane], queue.turns[lane]
        lists = by_list(waiting)
        if len(lists) <= 1:
            turns.deficits.clear()
            return self._take(waiting, fits, most)
        order, unfit = deque(turns.order(lists)), None
        quanta = turns.quanta(order)
        while order and unfit is None and len(self.jobs) < most:
            number = order[0]
            unfit = self._take_turn(lists[number], number, turns, quanta[number], fits, most)
            if not lists[number]:
                turns.deficits.pop(number, None)
                order.popleft()
            elif turns.deficits[number] <= 0:
                order.rotate(-1)
        turns.next_list = order[0] if order else turns.next_list
        left = {job.id for jobs in lists.values() for job in jobs}
        queue.lanes[lane] = deque(job for job in waiting if job.id in left)
        return unfit

    def _take_turn(
        self, jobs: deque[Job], number: int, turns: Turns, quantum: float, fits: Callable[[Job], bool], most: int
    ) -> Job | None:
        if turns.deficits[number] <= 0:
            turns.deficits[number] += quantum
        while jobs and turns.deficits[number] > 0 and len(self.jobs) < most:
            job, before = jobs[0], len(self.jobs)
            one = deque([job])
            unfit = self._take(one, fits, most)
            if unfit:
                return unfit
            jobs.popleft()
            if len(self.jobs) > before:
                turns.deficits[number] -= self._share_of(job)
        return None

    def _share_of(self, job: Job) -> float:
        """The part of a full batch that it takes."""
        limits = self.limits
        size = len(encode_job(job)) / CLAIM_BYTES
        return max(1 / limits.max_batch_size, job.cost / limits.max_batch_tokens, size)

    def _bound_of(self, job: Job) -> str:
        return "tokens" if self._bytes_with(job) <= CLAIM_BYTES else "bytes"

    def _take(self, waiting: deque[Job], fits: Callable[[Job], bool], most: int) -> Job | None:
        """Live jobs from the head while they fit; the first always does, the dead are dropped on the way. Returns the
        one that did not fit."""
        while waiting and len(self.jobs) < most:
            if self.is_live(waiting[0]) and self.jobs and not fits(waiting[0]):
                return waiting[0]
            job = waiting.popleft()
            if self.is_live(job):
                self.bytes = self._bytes_with(job)
                self.jobs.append(job)
        return None

    def _fits(self, job: Job) -> bool:
        return self._tokens_with(job) <= self.limits.max_batch_tokens and self._bytes_with(job) <= CLAIM_BYTES

    def _fits_share(self, job: Job) -> bool:
        tokens, size = BULK_SHARE * self._tokens_with(job), BULK_SHARE * self._bytes_with(job)
        return tokens <= self.limits.max_batch_tokens and size <= CLAIM_BYTES

    def _bytes_with(self, job: Job) -> int:
        return self.bytes + len(encode_job(job))

    def _tokens_with(self, job: Job) -> int:
        return sum(one.cost for one in (*self.jobs, job))

    def _fits_suspects(self, job: Job) -> bool:
        """Those that crashed once go together, one that crashed more often goes alone."""
        return self._fits(job) and self.jobs[0].attempts < 2 and job.attempts < 2
