"""The one way to the GPU: expect the outcomes of a request's jobs, then admit the jobs.

    with pending.expect(served, records, options, deadline) as request:
        pending.admit(request)
        await request

However the `with` ends, its jobs are forgotten, and those that somebody may still compute are cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from broker.messages import NO_META, RECORD, REQUEST, Cancel, Failure, Job, Lane, Outcome, Running, job_id_of
from server.codecs.work import Work
from server.errors import Problem, problem_of
from server.fleet.directory import Served
from server.ids import Ids
from server.requests.admission import Admission, Outbox
from server.requests.breaker import CircuitBreaker
from server.requests.request import PendingRequest, Record

if TYPE_CHECKING:
    from server.http.context import RequestContext


class PendingRequests:
    """Knows who waits for which job."""

    def __init__(self, front_end: str, outbox: Outbox, breaker: CircuitBreaker) -> None:
        self._front_end = front_end
        self._outbox = outbox
        self._breaker = breaker
        self._ids = Ids(REQUEST)
        # Job id → who waits for it, and for which record. Not kept in the record: request and record would hold each
        # other, and finished ones would stay until the garbage collector runs. That once took a third of the time.
        self._expected: dict[str, tuple[PendingRequest, Record]] = {}
        self._requests: dict[PendingRequest, None] = {}  # in the order of arrival
        self.unclaimed = 0  # outcomes nobody waited for, ever

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """Asked for once: before Python 3.12 each time is a system call."""
        return asyncio.get_running_loop()

    def expect(
        self,
        served: Served,
        records: Sequence[Record],
        options: Mapping[str, Any],
        deadline: float,
        lane: Lane = Lane.INTERACTIVE,
        work: Work | None = None,
        asker: RequestContext | None = None,
    ) -> PendingRequest:
        """Register whoever waits for these records, until the `with` of the request ends."""
        work, done = work or Work(), self._loop.create_future()
        request = PendingRequest(served, records, options, deadline, lane, work, asker, "", done, self._forget)
        self.register(request, records)
        self._requests[request] = None
        if not request.left:
            request.count_down(0)  # there is no job: empty texts need none
        return request

    def admit(self, request: PendingRequest) -> None:
        """Hand the request's jobs to the writer. Raises `Problem` (broker_unavailable) while the breaker is open, and
        (not_allowed) where its caller may not use its lane."""
        request.caller.check_lane(request.lane)
        if request.left:
            if self._breaker.is_open:
                raise self._breaker.problem()
            self.push(request)

    def settle(self, outcomes: Iterable[Outcome]) -> None:
        """Give outcomes to those who wait for them. The first for an id wins; ids nobody waits for are only counted."""
        for outcome in outcomes:
            found = self._expected.pop(outcome.job_id, None)
            if found is None:
                self.unclaimed += 1
                continue
            request, record = found
            if isinstance(outcome, Failure):
                self._fail(request, record, problem_of(outcome))
            else:
                request.take(record, outcome)

    @property
    def waiting(self) -> Sequence[PendingRequest]:
        """Who waits, oldest first."""
        return list(self._requests)

    def __len__(self) -> int:
        return len(self._requests)

    def push_again(self) -> None:
        """The broker has come back empty: the front end still holds the requests, so it brings them again."""
        for request in self.waiting:
            if request.may_be_queued:
                self.push(request)

    def register(self, request: PendingRequest, records: Iterable[Record]) -> None:
        """Expect the jobs of these records. Under an id of its own each time: what is cancelled is named by it."""
        request.ids = ids = self._ids.take()
        for number, record in enumerate(records):
            pieces, waits = len(record.plan.pieces), (request, record)
            record.job_ids = jobs = [job_id_of(ids, number, piece) for piece in range(pieces)]
            for job in jobs:
                self._expected[job] = waits
            request.left += pieces

    def push(self, request: PendingRequest) -> None:
        """Put the jobs that are still expected into the outbox."""
        meta = NO_META if request.asker is None else request.asker.meta
        jobs = [
            Job(id=job, front_end=self._front_end, input=piece.input, cost=piece.cost, meta=meta)
            for record in request.records
            for job, piece in zip(record.job_ids, record.plan.pieces, strict=True)
            if job in self._expected
        ]
        if jobs:
            self._outbox.put(Admission.of(request, jobs))

    def withdraw(self, request: PendingRequest) -> dict[Record, int]:
        """Expect nothing more and cancel what may be queued. Returns the records that were unfinished, each with the
        jobs that were still out."""
        self._cancel(request, request.ids)
        return {record: jobs for record in request.records if (jobs := self._withdraw(record))}

    def _withdraw(self, record: Record) -> int:
        return sum(self._expected.pop(job, None) is not None for job in record.job_ids)

    def _fail(self, request: PendingRequest, record: Record, problem: Problem) -> None:
        """One piece has failed, so the record has: its other pieces are of no use."""
        record.problem = problem
        others = self._withdraw(record)
        if others:
            self._cancel(request, record.job_ids[0][:RECORD])
        request.ended(record)
        request.count_down(1 + others)

    def _cancel(self, request: PendingRequest, ids: str) -> None:
        if request.may_be_queued:
            self._outbox.cancel(Cancel(model=request.served.card.key, ids=ids), request.deadline)

    def _forget(self, request: PendingRequest) -> None:
        request.work.stop()
        del self._requests[request]
        if request.left:
            self.withdraw(request)
        if request.charged:
            self._outbox.cancel(Running(caller=request.caller.id, ids=request.charged), request.deadline)
