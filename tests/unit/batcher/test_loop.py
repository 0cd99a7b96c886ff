"""The life of a batch, on the in-memory twin and with an engine that does as it is told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest

from batcher.engines.engine import Done, StepStats
from batcher.engines.failures import LOST
from batcher.metrics import BatcherMetrics
from batcher.serving import lost_device
from batcher.serving.heartbeat import Vitals
from batcher.serving.loop import Loop
from batcher.serving.retry import TRIES
from batcher.serving.service import NOT_BROUGHT
from broker.errors import BrokerError, BrokerUnavailable
from broker.memory import MemoryBatcher, MemoryFrontEnd, MemoryStore
from broker.messages import AdmitRequest, Claim, Failure, FailureCode, Finish, Job, Limits, Outcome, Pulse, Result
from tests.conftest import FakeClock

pytestmark = pytest.mark.anyio
MODEL = "toy@1"


class ScriptedEngine:
    """Echoes inputs; `gate` holds the model thread; failures by input; notes every batch it was given."""

    def __init__(self) -> None:
        self.last = StepStats()
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self._held: list[Job] = []

    def room(self) -> int:
        return 64 - len(self._held)

    def admit(self, jobs: Sequence[Job]) -> None:
        self._held = list(jobs)

    def step(self) -> list[Done]:
        self.batches.append([job.input for job in self._held])
        self.entered.set()
        assert self.gate.wait(10)
        return [self._done(job) for job in self._held]

    def _done(self, job: Job) -> Done:
        if job.input != "bad":
            return Done(job_id=job.id, output=job.input)
        failure = Failure(job_id=job.id, code=FailureCode.MODEL_ERROR, message="no")
        return Done(job_id=job.id, failure=failure)


@dataclass
class World:
    store: MemoryStore
    loop: Loop
    engine: ScriptedEngine
    vitals: Vitals
    front_end: MemoryFrontEnd
    sequence: int = 0
    handled: int = 0
    running: asyncio.Task[None] | None = None
    broker: Flaky | None = None
    seen: list[Outcome] = field(default_factory=list)

    async def send(self, *inputs: str, time_left: float = 60.0) -> None:
        self.sequence += 1
        jobs = [Job(id=uuid4().hex, front_end="f" * 16, input=text) for text in inputs]
        await self.front_end.admit(self.sequence, [AdmitRequest(model=MODEL, jobs=jobs, time_left=time_left)], {})

    async def outcomes(self, count: int) -> list[Outcome]:
        while len(self.seen) < count:
            frames = await self.front_end.receive(self.handled, 1.0)
            self.handled = frames.count
            self.seen += frames.outcomes
        return self.seen


class Flaky(MemoryBatcher):
    """A broker that is away for the next `failures` finishes, after which the answer comes; notes what it was told."""

    failures = 0
    refuses_to_stage = False
    staged: asyncio.Event
    released: list[str]

    async def drain(self, batch: str, limits: Limits, *, staged: bool, suspects: bool, **when: float) -> Claim:
        if staged and self.refuses_to_stage:
            raise BrokerError("no")
        claim = await super().drain(batch, limits, staged=staged, suspects=suspects, **when)
        if staged and claim.jobs:
            self.staged.set()
        return claim

    async def release(self, batch: str) -> None:
        self.released.append(batch)
        await super().release(batch)

    async def finish(self, ended: Sequence[Finish], *, starts: str | None) -> None:
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable
        await super().finish(ended, starts=starts)


@asynccontextmanager
async def world(limits: Limits = Limits()) -> AsyncIterator[World]:
    store, engine, vitals = MemoryStore(FakeClock()), ScriptedEngine(), Vitals()
    broker = Flaky(store, MODEL)
    broker.staged, broker.released = asyncio.Event(), []
    loop = Loop(broker, engine, limits, batcher="b", vitals=vitals, metrics=BatcherMetrics("toy"))
    here = World(store, loop, engine, vitals, MemoryFrontEnd(store, "f" * 16), broker=broker)
    here.running = asyncio.create_task(loop.run())
    try:
        yield here
    finally:
        engine.gate.set()
        loop.stop()
        await here.running


async def entered(engine: ScriptedEngine) -> None:
    assert await asyncio.to_thread(engine.entered.wait, 10)
    engine.entered.clear()


async def test_a_job_is_answered_with_its_own_output() -> None:
    async with world() as here:
        await here.send("a")

        (outcome,) = await here.outcomes(1)

        assert isinstance(outcome, Result)
        assert outcome.output == "a"


async def test_jobs_that_come_while_the_card_is_busy_leave_together() -> None:
    async with world() as here:
        here.engine.gate.clear()
        await here.send("a")
        await entered(here.engine)
        for text in "bcd":
            await here.send(text)
        here.engine.gate.set()

        await here.outcomes(4)

        assert here.engine.batches == [["a"], ["b", "c", "d"]]


async def test_a_batch_is_no_larger_than_the_limits_say() -> None:
    async with world(Limits(max_batch_size=2)) as here:
        here.engine.gate.clear()
        await here.send("a")
        await entered(here.engine)
        await here.send("b", "c", "d")
        here.engine.gate.set()

        await here.outcomes(4)

        assert [len(batch) for batch in here.engine.batches] == [1, 2, 1]


async def test_a_failure_reaches_its_caller_and_the_others_get_their_results() -> None:
    async with world() as here:
        await here.send("good", "bad")

        outcomes = await here.outcomes(2)

        assert {type(outcome) for outcome in outcomes} == {Result, Failure}


async def test_an_expired_job_is_dropped_and_not_computed() -> None:
    async with world() as here:
        here.engine.gate.clear()
        await here.send("first")
        await entered(here.engine)
        await here.send("late", time_left=0.0)
        await here.send("next")
        here.engine.gate.set()

        await here.outcomes(2)

        assert here.engine.batches == [["first"], ["next"]]


async def test_results_survive_a_broker_that_is_away_when_they_are_finished() -> None:
    async with world() as here:
        assert here.broker is not None
        here.broker.failures = 2
        await here.send("a")

        (outcome,) = await here.outcomes(1)

        assert isinstance(outcome, Result)
        assert here.engine.batches == [["a"]]


async def test_a_stopped_loop_finishes_the_batch_that_runs() -> None:
    async with world() as here:
        here.engine.gate.clear()
        await here.send("a")
        await entered(here.engine)

        here.loop.stop()
        here.engine.gate.set()

        (outcome,) = await here.outcomes(1)
        assert isinstance(outcome, Result)


async def test_a_stopped_loop_leaves_what_it_has_not_started_in_the_queue() -> None:
    async with world() as here:
        here.engine.gate.clear()
        await here.send("a")
        await entered(here.engine)
        await here.send("b")

        here.loop.stop()
        here.engine.gate.set()
        assert here.running is not None
        await here.running

        depth = await MemoryBatcher(here.store, MODEL).depth()
        assert depth.jobs == 1
        assert here.engine.batches == [["a"]]


async def test_no_lease_is_held_once_all_is_answered() -> None:
    async with world() as here:
        await here.send("a", "b")
        await here.outcomes(2)

        here.loop.stop()
        assert here.running is not None
        await here.running

        assert here.vitals.batches == {}


async def staged_behind_a_running_batch(here: World) -> None:
    """One batch in the model thread, another claimed and waiting for its turn there."""
    assert here.broker is not None
    here.loop._fit.observe(1, 0.2)  # predicted seconds: the next batch is claimed shortly before they are over
    here.engine.gate.clear()
    await here.send("running")
    here.store.clock.tick(1.0)  # type: ignore[attr-defined]  # it has waited when it is claimed: there is a backlog
    await entered(here.engine)
    await here.send("staged")
    await asyncio.wait_for(here.broker.staged.wait(), 5)


async def test_a_stopped_loop_returns_the_staged_batch_to_the_queue() -> None:
    async with world() as here:
        assert here.broker is not None
        await staged_behind_a_running_batch(here)

        here.loop.stop()
        while not here.broker.released:
            await asyncio.sleep(0)
        here.engine.gate.set()
        assert here.running is not None
        await here.running

        assert here.engine.batches == [["running"]]
        assert (await MemoryBatcher(here.store, MODEL).depth()).jobs == 1


async def test_a_result_is_published_though_nothing_could_be_staged() -> None:
    async with world() as here:
        assert here.broker is not None
        here.broker.refuses_to_stage = True
        here.loop._fit.observe(1, 0.001)
        here.engine.gate.clear()
        await here.send("a")
        await entered(here.engine)
        here.loop._claims._may_stage = True
        here.engine.gate.set()

        (outcome,) = await here.outcomes(1)

        assert isinstance(outcome, Result)


KNOWN = ((1, 0.01), (1, 0.01))


@pytest.mark.parametrize(
    ("seen", "held", "least"),
    [
        pytest.param(KNOWN, ("b",), 10.0, id="tells front ends how long that has been"),
        pytest.param(KNOWN, (), 0.01, id="unless it holds nothing"),
        pytest.param((), ("b",), 0.0, id="unless nobody knows what it should take: it may be cold"),
    ],
)
async def test_an_engine_that_has_not_moved_for_longer_than_a_full_batch_takes(
    seen: tuple[tuple[int, float], ...], held: tuple[str, ...], least: float
) -> None:
    async with world() as here:
        here.loop.learn(seen)
        here.vitals.batches, here.vitals.progressed_at = dict.fromkeys(held, ()), time.monotonic() - 10.0

        assert least <= here.loop.speed.fixed <= least + 1.0


async def test_results_that_no_trip_can_bring_fail_at_once_and_the_next_batch_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("broker.common.backoff.Backoff.pause", lambda self: 0.0)
    monkeypatch.setattr("batcher.serving.retry.ENOUGH", 0.0)
    async with world() as here:
        here.vitals.hears_broker = True
        here.broker.failures = TRIES

        await here.send("a", "b")
        first = list(await here.outcomes(2))
        await here.send("c")
        third = (await here.outcomes(3))[2]

    assert [(one.code, one.message) for one in first if isinstance(one, Failure)] == [
        (FailureCode.MODEL_ERROR, NOT_BROUGHT)
    ] * 2
    assert isinstance(third, Result)
    assert not here.vitals.batches


async def test_a_trip_that_fails_beside_a_broker_that_answers_is_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.common.backoff.Backoff.pause", lambda self: 0.0)
    async with world() as here:
        progress: list[bool] = []
        monkeypatch.setattr(Vitals, "progress", lambda self: progress.append(self.hears_broker))
        here.vitals.hears_broker = True
        await here.send("a")
        here.broker.failures = TRIES - 1
        await here.outcomes(1)
        beside_a_broker_that_answers = len(progress)
        here.vitals.hears_broker = False
        here.broker.failures = TRIES - 1
        await here.send("b")
        await here.outcomes(2)

    assert len(progress) - beside_a_broker_that_answers == beside_a_broker_that_answers + TRIES - 1


async def test_a_claim_that_never_arrives_goes_back_to_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.common.backoff.Backoff.pause", lambda self: 0.0)
    monkeypatch.setattr("batcher.serving.retry.ENOUGH", 0.0)
    monkeypatch.setattr("batcher.serving.retry.PAUSE", 0.0)
    drain, lost = MemoryBatcher.drain, []

    async def lose(self: MemoryBatcher, batch: str, *rest: Any, **how: Any) -> Claim:
        claim = await drain(self, batch, *rest, **how)
        if claim.jobs and len(lost) < TRIES:
            lost.append(batch)
            raise BrokerUnavailable
        return claim

    monkeypatch.setattr(MemoryBatcher, "drain", lose)
    async with world() as here:
        here.vitals.hears_broker = True
        await here.send("a")
        await here.outcomes(1)

    assert here.broker.released == [lost[0]]
    assert len(set(lost)) == 1


class Spoiling(ScriptedEngine):
    """Gives back what `kept` makes of the outcomes."""

    def __init__(self, kept: Callable[[list[Done]], list[Done]]) -> None:
        super().__init__()
        self._kept = kept

    def step(self) -> list[Done]:
        return self._kept(super().step())


@pytest.mark.parametrize(
    ("kept", "answered"),
    [
        (lambda done: [], 0),
        (lambda done: done[1:], 2),
        (lambda done: [done[0], done[0], done[0]], 1),
        (lambda done: [replace(one, job_id=f"not {one.job_id}") for one in done], 0),
    ],
    ids=["none", "one too few", "one three times", "unknown ids"],
)
async def test_jobs_that_the_engine_gives_no_outcome_for_fail_and_the_loop_goes_on(
    kept: Callable[[list[Done]], list[Done]], answered: int
) -> None:
    async with world() as here:
        here.loop._engine = Spoiling(kept)
        await here.send("a", "b", "c")

        outcomes = await asyncio.wait_for(here.outcomes(3), 10)

        lost = [one for one in outcomes if isinstance(one, Failure)]
        assert [(one.code, one.message) for one in lost] == [(FailureCode.MODEL_ERROR, LOST)] * (3 - answered)
        here.loop._engine = here.engine
        await here.send("d")
        assert len(await asyncio.wait_for(here.outcomes(4), 10)) == 4


async def test_live_limits_reach_the_engine_before_its_next_step() -> None:
    async with world() as here:
        here.loop.pulse(Pulse(limits=Limits(max_batch_size=5, max_batch_tokens=50, version=1)))
        assert not hasattr(here.engine, "max_size")
        await here.send("a")
        await here.outcomes(1)

        assert (here.engine.max_size, here.engine.max_tokens) == (5, 50)  # type: ignore[attr-defined]


async def test_a_card_that_has_failed_ends_the_process_and_nothing_is_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[str] = []

    def end(why: str) -> None:
        ended.append(why)

    def fail(done: list[Done]) -> list[Done]:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(lost_device, "end_process", end)
    async with world() as here:
        here.loop._engine = Spoiling(fail)
        await here.send("a")
        async with asyncio.timeout(10):
            while not ended:
                await asyncio.sleep(0.001)

        assert ended == ["device-side assert"]
        assert here.seen == []
