"""What front ends do to the broker, as rules of the state machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from broker.contract import MOST_OF_A_LANE
from broker.messages import RECORD, AdmitRequest, Cancel, FailureCode, Job, Lane, Policy, Running, Verdict, job_id_of
from broker.wire import encode_job
from server.callers.caller import ANONYMOUS, Caller
from tests.faults.state_machine.census import MODEL, Fate, fate
from tests.faults.state_machine.stage import MAX_BYTES, MAX_JOBS, MAX_TOKENS, Life, Stage

LARGE = b"x" * 20_000  # its body lies apart
MOMENT = 0.001  # seconds: a deadline that is over when the admission has been answered
slots = st.integers(0, 1)
picks = st.integers(0, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request that has no jobs yet, only their costs and whether they are large."""

    lane: Lane
    are_large: bool
    costs: Sequence[int]
    time_left: float
    most_ahead: int | None
    caller: Caller


MONTHS = 1e7  # seconds: of what is used nothing leaks away while a history is played
JOBS = Policy(name="jobs", unit="jobs", quota=15, window=MONTHS)
TOKENS = Policy(name="tokens", unit="tokens", quota=60, window=MONTHS)
AT_ONCE = Policy(name="concurrency", unit="requests", quota=2, window=0.0, kind="concurrency")
CALLERS = [
    ANONYMOUS,
    Caller(id="anonymous@1", policies=(TOKENS,)),
    Caller(id="ada", list=2, weight=3, policies=(JOBS, AT_ONCE)),
    Caller(id="bob", list=1),
    Caller(id="eve", list=7, weight=9),
]
wishes = st.builds(
    Wish,
    lane=st.sampled_from(Lane),
    are_large=st.sampled_from([False, False, True]),
    costs=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    time_left=st.sampled_from([60.0, 600.0, 60.0, 600.0, MOMENT, 0.0]),
    most_ahead=st.sampled_from([None, None, 0, 5]),
    caller=st.sampled_from(CALLERS),
)


class FrontEndRules(Stage):
    """Each method is one thing that may happen at any time."""

    @initialize(wanted=st.lists(wishes, min_size=2, max_size=4))
    def open_doors(self, wanted: Sequence[Wish]) -> None:
        self.admit(0, wanted)

    @precondition(lambda self: self.model.waiting() < MAX_JOBS)
    @rule(slot=slots, wanted=st.lists(wishes, min_size=1, max_size=2))
    def admit(self, slot: int, wanted: Sequence[Wish]) -> None:
        life = self.lives[slot]
        life.asked = [self._request(life, wish) for wish in wanted]
        life.sequence += 1
        life.told = self._run(life.broker.admit(life.sequence, life.asked, {}))
        self._run(asyncio.sleep(3 * MOMENT))
        for request, verdict in zip(life.asked, life.told, strict=True):
            assert verdict.refusal is self._refusal(request, verdict), f"{verdict} for {request}"
            if verdict.refusal is None:
                self.model.admit(request.jobs, expired=request.time_left == MOMENT)
                self.model.charge(request)
                life.pending |= {job.id for job in request.jobs}
            assert len(verdict.allowances) in (0, len(request.policies))
            is_of_the_lane = verdict.ahead is None and verdict.policy is None
            assert not is_of_the_lane or verdict.waiting == len(self.model.lane(request.lane))

    @precondition(lambda self: self.model.leases)
    @rule(slot=slots)
    def admit_again(self, slot: int) -> None:
        """The answer was lost."""
        life = self.lives[slot]
        if life.asked:
            assert self._run(life.broker.admit(life.sequence, life.asked, {})) == life.told

    @precondition(lambda self: self.model.jobs)
    @rule(slot=slots, pick=picks)
    def cancel(self, slot: int, pick: int) -> None:
        job = list(self.model.jobs)[-1 - pick % len(self.model.jobs)]
        self._run(self.lives[slot].broker.admit(0, [], [Cancel(model=MODEL, ids=job[:RECORD])]))
        self.cancelled.add(job)
        self.model.unwanted.add(job)

    @precondition(lambda self: any(self.model.running.values()))
    @rule(slot=slots)
    def end_request(self, slot: int) -> None:
        """Its caller has one less under way, whichever front end says so, and however often."""
        caller, ids = next((caller, ids) for caller, ids in self.model.running.items() if ids)
        ended = Running(caller=caller, ids=ids.pop())
        self._run(self.lives[slot].broker.admit(0, [], [ended, ended]))

    @precondition(lambda self: any(self.model.frames.get(life.id) for life in self.lives))
    @rule(slot=slots, is_lost=st.booleans())
    def receive(self, slot: int, is_lost: bool) -> None:
        """After an error no frame is named as handled, and all are read again."""
        life = self.lives[slot]
        handled = 0 if is_lost else life.read
        frames = self._run(life.broker.receive(handled, 0.0))
        kept = self.model.frames.get(life.id, [])[handled:]
        self.model.frames[life.id] = kept
        assert frames.more == (len(kept) > frames.count) or frames.count == len(kept)
        assert [fate(outcome) for outcome in frames.outcomes] == [
            one for frame in kept[: frames.count] for one in frame
        ]
        life.read = frames.count
        self._accept(life, [fate(outcome) for outcome in frames.outcomes])

    def _accept(self, life: Life, fates: Sequence[Fate]) -> None:
        """The first outcome of a job is its own; others find nobody who waits."""
        for job, kind in fates:
            assert job in life.pending or job in life.accepted, "an outcome of somebody else's job"
            if job in life.pending:
                life.pending.remove(job)
                life.accepted[job] = kind

    @precondition(lambda self: self.model.leases)
    @rule(slot=slots)
    def live_again(self, slot: int) -> None:
        """A front end dies; another comes up in its place and knows of nothing."""
        self.lives[slot] = self._life()

    def _request(self, life: Life, wish: Wish) -> AdmitRequest:
        turn = {"lane": wish.lane, "list": wish.caller.list, "weight": wish.caller.weight}
        common = {"front_end": life.id, "input": LARGE if wish.are_large else [7], **turn}
        jobs = [Job(id=job_id_of(f"{self._next():016x}", 0, 0), cost=cost, **common) for cost in wish.costs]
        how = {"time_left": wish.time_left, "most_ahead": wish.most_ahead, "caller": wish.caller.id, **turn}
        if wish.time_left > 1.0:  # what is under way for no time is forgotten at a moment that we do not know
            how["policies"] = wish.caller.policies
        return AdmitRequest(model=MODEL, jobs=jobs, room=2, **how)

    def _refusal(self, request: AdmitRequest, verdict: Verdict) -> FailureCode | None:
        """How many jobs are before a request is the broker's business; whether they are too many is ours."""
        if request.time_left <= 0.0:
            return FailureCode.EXPIRED
        assert verdict.policy == self.model.refused_by(request)
        if verdict.policy is not None:
            self.model.refused[f"{request.caller.partition('@')[0]}:{request.policies[verdict.policy].name}"] += 1
            return FailureCode.RATE_LIMITED
        is_late = verdict.ahead is not None and request.most_ahead is not None and verdict.ahead > request.most_ahead
        is_idle = not any(self.model.lists.values()) and not self.model.leases
        assert not (is_late and is_idle), "an idle system takes any request"
        return FailureCode.CONTENDED if self._is_full(request) or is_late else None

    def _is_full(self, request: AdmitRequest) -> bool:
        waiting, own = self.model.lane(request.lane), self.model.lists[request.lane, request.list]
        part = MOST_OF_A_LANE if own and (request.list or request.policies) else 1.0
        tokens = sum(self.model.jobs[id].cost for id in waiting) + sum(job.cost for job in request.jobs)
        held = self.model.bytes_of(waiting) + sum(len(encode_job(job)) for job in request.jobs)
        jobs = len(waiting) + len(request.jobs)
        return bool(waiting) and (jobs > part * MAX_JOBS or tokens > part * MAX_TOKENS or held > part * MAX_BYTES)
