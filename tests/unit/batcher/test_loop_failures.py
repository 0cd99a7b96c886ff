"""What goes wrong around a batch model: a broker that is away or refuses, an engine that loses jobs, a lost card."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from batcher.engines import lost_device
from batcher.engines.engine import Done
from batcher.engines.failures import LOST
from batcher.serving import model_thread
from batcher.serving.heartbeat import Vitals
from batcher.serving.publisher import NOT_BROUGHT
from batcher.serving.retry import TRIES
from broker.errors import BrokerUnavailable
from broker.memory import MemoryBatcher
from broker.messages import Claim, Failure, FailureCode, Result
from tests.unit.batcher.batch_world import ScriptedEngine, entered, world

pytestmark = pytest.mark.anyio


async def test_results_survive_a_broker_that_is_away_when_they_are_finished() -> None:
    async with world() as here:
        here.broker.failures = 2
        await here.send("a")

        (outcome,) = await here.outcomes(1)

        assert isinstance(outcome, Result)
        assert here.engine.batches == [["a"]]


async def test_a_result_is_published_though_nothing_could_be_staged() -> None:
    async with world() as here:
        here.broker.refuses_to_stage = True
        here.loop._batching.speed.observe(1, 0.001)
        here.engine.gate.clear()
        await here.send("a")
        await entered(here.engine)
        here.loop._claims._may_stage = True
        here.engine.gate.set()

        (outcome,) = await here.outcomes(1)

        assert isinstance(outcome, Result)


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
    assert len(here.broker.finished) == 2  # the first without results, so that its lease ends
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


async def test_bytes_that_are_no_job_fail_though_nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    drain, spoiled, failed = MemoryBatcher.drain, ["junk"], []

    async def claim(self: MemoryBatcher, batch: str, *rest: Any, **how: Any) -> Claim:
        return Claim(batch=batch, spoiled=(spoiled.pop(),)) if spoiled else await drain(self, batch, *rest, **how)

    async def fail(self: MemoryBatcher, batch: str, failures: Sequence[Failure]) -> None:
        failed.extend(failures)

    monkeypatch.setattr(MemoryBatcher, "drain", claim)
    monkeypatch.setattr(MemoryBatcher, "fail", fail)
    async with world() as here:
        await here.send("a")
        await here.outcomes(1)

    assert [(one.job_id, one.code) for one in failed] == [("junk", FailureCode.INVALID_INPUT)]
    assert here.engine.batches == [["a"]]
    assert not here.vitals.batches


class Spoiling(ScriptedEngine):
    """Gives back what `kept` makes of the outcomes."""

    def __init__(self, kept: Callable[[list[Done]], list[Done]]) -> None:
        super().__init__()
        self._kept = kept

    def step(self) -> list[Done]:
        done = super().step()
        return self._kept(done) if done else []


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
    kept: Callable[[list[Done]], list[Done]], answered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_thread, "IDLE_PAUSE", 0.0)
    async with world() as here:
        here.loop._thread._engine = Spoiling(kept)
        await here.send("a", "b", "c")

        outcomes = await asyncio.wait_for(here.outcomes(3), 10)

        lost = [one for one in outcomes if isinstance(one, Failure)]
        assert [(one.code, one.message) for one in lost] == [(FailureCode.MODEL_ERROR, LOST)] * (3 - answered)
        here.loop._thread._engine = here.engine
        await here.send("d")
        assert len(await asyncio.wait_for(here.outcomes(4), 10)) == 4


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
        here.loop._thread._engine = Spoiling(fail)
        await here.send("a")
        async with asyncio.timeout(10):
            while not ended:
                await asyncio.sleep(0.001)

        assert ended == ["device-side assert"]
        assert here.seen == []
