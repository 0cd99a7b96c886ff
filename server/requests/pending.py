"""The one way to the GPU: expect an answer, then admit the jobs that it needs.

    with door.expect(served, records, options, deadline) as answer:
        door.admit(answer)
        await answer

However the `with` ends, its jobs are forgotten, and those that somebody may still compute are cancelled.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from broker.messages import RECORD, REQUEST, Cancel, Failure, FailureCode, Job, Lane, Outcome, Verdict, job_id_of
from server.codecs.contract import Codec, Input, Plan
from server.codecs.encoding import encode_all
from server.codecs.work import Work
from server.errors import Problem, patience, problem_of
from server.fleet.directory import Served
from server.ids import Ids
from server.requests.admission import Admission, Outbox
from server.requests.request import PendingRequest, Record

NOBODY = (None, None)
Encode = Callable[[Codec, Sequence[Input], Mapping[str, Any], Work], Awaitable[list[Plan | Problem]]]


async def encode_here(
    codec: Codec, inputs: Sequence[Input], options: Mapping[str, Any], work: Work
) -> list[Plan | Problem]:
    """Whatever the size; a front end hands in a way that knows of threads."""
    return encode_all(codec, inputs, options, work)


class PendingRequests:
    """Knows who waits for which job. Closed while the broker is away: new requests are then refused at once."""

    def __init__(
        self,
        front_end: str,
        outbox: Outbox,
        clock: Callable[[], float] = time.monotonic,
        encode: Encode = encode_here,
    ) -> None:
        self._front_end = front_end
        self._outbox = outbox
        self._clock = clock
        self._encode = encode
        self._ids = Ids(REQUEST)
        # Job id → who waits for it, and for which record. Kept here and not in the record: without a cycle between the
        # two, a finished request is gone at once, and the garbage collector (a third of the time, once) finds nothing.
        self._expected: dict[str, tuple[PendingRequest, Record]] = {}
        self._answers: dict[PendingRequest, None] = {}  # in the order of arrival
        self._closed_since: float | None = clock()
        self.unclaimed = 0  # outcomes nobody waited for, ever

    def expect(
        self,
        served: Served,
        records: Sequence[Record],
        options: Mapping[str, Any],
        deadline: float,
        lane: Lane = Lane.INTERACTIVE,
        work: Work | None = None,
    ) -> PendingRequest:
        """Register whoever waits for these records, until the `with` of the answer ends."""
        answer = PendingRequest(served, records, options, deadline, lane, self._forget, work or Work())
        self._register_all(answer, records)
        self._answers[answer] = None
        answer.count_down(0)  # there may be none: empty texts answer themselves
        return answer

    def admit(self, answer: PendingRequest) -> None:
        """Hand the answer's jobs to the writer. Raises `Problem` (broker_unavailable) while the door is closed."""
        if answer.left:
            if self._closed_since is not None:
                raise self.broker_is_away()
            self._push(answer)

    def settle(self, outcomes: Iterable[Outcome]) -> None:
        """Give outcomes to those who wait for them. The first for an id wins; ids nobody waits for are only counted."""
        for outcome in outcomes:
            answer, record = self._expected.pop(outcome.job_id, NOBODY)
            if answer is None or record is None:
                self.unclaimed += 1
            elif isinstance(outcome, Failure):
                self._fail(answer, record, problem_of(outcome))
            else:
                answer.take(record, outcome)

    def judge(self, answer: PendingRequest, verdict: Verdict) -> None:
        """What the broker said to a request."""
        if verdict.refusal is not None:
            answer.may_be_queued = False
            answer.refuse(_refusal(answer, verdict, answer.deadline - self._clock()))

    def close(self) -> None:
        """The broker does not answer: nothing is admitted until `open`."""
        if self._closed_since is None:
            self._closed_since = self._clock()
        for admission in self._outbox.withdraw():
            self.turn_away(admission.answer)

    def open(self) -> None:
        """The broker answers."""
        self._closed_since = None

    @property
    def is_open(self) -> bool:
        return self._closed_since is None

    def turn_away(self, answer: PendingRequest) -> None:
        """This request could not be brought to the broker."""
        answer.refuse(self.broker_is_away())

    @property
    def waiting(self) -> Sequence[PendingRequest]:
        """Who waits, oldest first."""
        return list(self._answers)

    def __len__(self) -> int:
        return len(self._answers)

    def push_again(self) -> None:
        """The broker has come back empty: the front end still holds the requests, so it brings them again."""
        for answer in self.waiting:
            if answer.may_be_queued and answer.is_awaited:
                self._push(answer)

    async def reencode(self, answer: PendingRequest, served: Served) -> None:
        """Encode what still waits for another revision: ids must never meet the wrong vocabulary."""
        self._cancel(answer, answer.ids)
        answer.served = served
        answer.generation += 1  # the admission of the last one, if it is still under way, means nothing any more
        generation, answer.work = answer.generation, answer.work.again()
        answer.withdrawn |= {record: jobs for record in answer.records if (jobs := self._withdraw(record))}
        inputs = [record.input for record in answer.withdrawn]
        try:
            plans = await self._encode(served.codec, inputs, answer.options, answer.work)
        except Problem as problem:
            answer.refuse(problem)
            return
        if answer.is_awaited and answer.generation == generation:  # else nobody waits, or for yet another revision
            self._go_on(answer, plans)

    def _go_on(self, answer: PendingRequest, plans: Iterable[Plan | Problem]) -> None:
        withdrawn, answer.withdrawn = answer.withdrawn, {}
        for record, plan in zip(withdrawn, plans, strict=True):
            record.follow(answer.served.codec, plan)
        self._register_all(answer, withdrawn)
        answer.count_down(sum(withdrawn.values()))
        if answer.left:
            self._push(answer)

    def _register_all(self, answer: PendingRequest, records: Iterable[Record]) -> None:
        """Under an id of its own each time: what is cancelled is named by it."""
        answer.ids = self._ids.take()
        for number, record in enumerate(records):
            record.job_ids = [job_id_of(answer.ids, number, piece) for piece in range(len(record.plan.pieces))]
            for job in record.job_ids:
                self._expected[job] = (answer, record)
            answer.left += len(record.job_ids)

    def _push(self, answer: PendingRequest) -> None:
        jobs = [
            Job(id=job, front_end=self._front_end, input=piece.input, cost=piece.cost)
            for record in answer.records
            for job, piece in zip(record.job_ids, record.plan.pieces, strict=True)
            if job in self._expected
        ]
        if jobs:
            self._outbox.put(Admission(answer, jobs))

    def _fail(self, answer: PendingRequest, record: Record, problem: Problem) -> None:
        """One piece has failed, so the record has: its other pieces are of no use."""
        record.problem = problem
        others = self._withdraw(record)
        if others:
            self._cancel(answer, record.job_ids[0][:RECORD])
        answer.count_down(1 + others)

    def _withdraw(self, record: Record) -> int:
        """Expect nothing more for this record; how many jobs were still out."""
        return sum(self._expected.pop(job, None) is not None for job in record.job_ids)

    def _cancel(self, answer: PendingRequest, ids: str) -> None:
        if answer.may_be_queued:
            self._outbox.cancel(Cancel(model=answer.served.card.key, ids=ids), answer.deadline)

    def _forget(self, answer: PendingRequest) -> None:
        answer.work.stop()
        del self._answers[answer]
        if answer.left:
            self._cancel(answer, answer.ids)
            for record in answer.records:
                self._withdraw(record)

    def broker_is_away(self) -> Problem:
        away = 0.0 if self._closed_since is None else self._clock() - self._closed_since
        detail = "The broker does not answer; nothing can be computed until it is back."
        return Problem(FailureCode.BROKER_UNAVAILABLE, detail, retry_after=patience(away))


def _refusal(answer: PendingRequest, verdict: Verdict, time_left: float) -> Problem:
    """Why the broker did not take these jobs, and when it may: once the lane is served, or enough of it."""
    assert verdict.refusal is not None
    name, capacity = answer.served.card.name, answer.served.capacity
    if verdict.refusal is FailureCode.EXPIRED:
        return Problem(verdict.refusal, "The time for this request was over before it could be queued.")
    if verdict.refusal is FailureCode.BROKER_UNAVAILABLE:
        return Problem(verdict.refusal, f"The broker cannot queue anything for {name!r} at the moment.")
    if verdict.ahead is None:
        detail = f"{verdict.waiting} jobs wait for {name!r} already."
        return Problem(verdict.refusal, detail, retry_after=capacity.seconds_for(verdict.waiting))
    wait, before = capacity.expected(verdict.ahead + answer.left), f"{verdict.ahead} jobs"
    if verdict.tokens_ahead is not None:
        wait = answer.served.token_capacity.expected(verdict.tokens_ahead + answer.cost)
        before = f"{before} of {verdict.tokens_ahead} tokens"
    detail = f"With {before} before it at {name!r} this may take {wait:.2f} s; it has {time_left:.2f} s."
    return Problem(verdict.refusal, detail, retry_after=wait - time_left)
