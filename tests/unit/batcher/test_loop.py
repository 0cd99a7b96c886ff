"""The life of a batch of a batch model: what leaves together, what is staged, and what a loop that is stopped does."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from batcher.policy.slo import ENOUGH
from broker.memory import MemoryBatcher
from broker.messages import Failure, Limits, Pulse, Result, Slo
from tests.unit.batcher.batch_world import MODEL, entered, staged_behind_a_running_batch, world

pytestmark = pytest.mark.anyio


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


async def test_behind_a_batch_that_runs_for_long_jobs_stay_in_the_broker_for_other_cards() -> None:
    async with world() as here:
        here.loop._batching.speed.observe(1, 60.0)
        here.engine.gate.clear()
        await here.send("running")
        await entered(here.engine)
        here.loop._claims._may_stage = True
        await here.send("waiting")
        for _ in range(50):
            await asyncio.sleep(0)

        assert len(here.store.queues[MODEL].waiting) == 1


async def sizes_behind_a_lone_one(here) -> list[int]:
    """Of the batches that three jobs come in which gathered while a first one ran, and its own."""
    here.engine.gate.clear()
    await here.send("a")
    await entered(here.engine)
    await here.send("b", "c", "d")
    here.engine.gate.set()

    await here.outcomes(4)
    return [len(batch) for batch in here.engine.batches]


async def test_a_batch_is_no_larger_than_the_limits_say() -> None:
    async with world(Limits(max_batch_size=2)) as here:
        assert await sizes_behind_a_lone_one(here) == [1, 2, 1]


async def test_for_an_slo_less_is_claimed_and_announced_than_an_operator_allows(monkeypatch) -> None:
    async with world(slo=0.06) as here:
        own = here.loop.announced
        own.learn([(1, 0.025), (1, 0.025), (4, 0.04), (4, 0.04)])  # 20 ms, and 5 ms a job: two lone ones fit
        monkeypatch.setattr(here.loop._batching.speed, "observe", lambda jobs, seconds: None)
        assert await sizes_behind_a_lone_one(here) == [1, 1, 1, 1]
        assert (own.size, own.allowed.max_batch_size, own.slo) == (1, 64, Slo(bound=0.06, size=1))


async def test_for_an_slo_it_is_measured_how_long_jobs_take() -> None:
    async with world(slo=9.0) as here:
        await here.send(*["a"] * ENOUGH)
        await here.outcomes(ENOUGH)

        here.loop.stop()
        await here.running

        assert here.loop.announced.slo is not None and here.loop.announced.slo.p99 > 0.0


async def test_limits_that_change_bind_beside_an_slo() -> None:
    async with world(slo=9.0) as here:
        here.loop.announced.learn([(1, 0.025), (1, 0.025), (4, 0.04), (4, 0.04)])

        here.loop.pulse(Pulse(limits=Limits(max_batch_size=2)))

        assert (here.loop.announced.size, here.loop.announced.allowed.max_batch_size) == (2, 2)


async def test_from_each_batch_it_is_learned_who_comes_back() -> None:
    async with world() as here:
        for _ in range(3):
            await here.send("a", "b")
            await here.outcomes(2)
            here.seen.clear()

        gathering = here.loop._gathering
        assert gathering is not None and gathering.state.rate > 0.0


async def test_those_who_come_back_soon_are_answered_together() -> None:
    async with world() as here:
        assert here.loop._gathering is not None
        here.loop._gathering.may_wait = lambda: True  # type: ignore[method-assign]
        waits = iter([0.001, 0.001])
        here.loop._gathering.wait = lambda jobs, now, most, oldest: next(waits, 0.0)  # type: ignore[method-assign]
        await here.send("a")
        await asyncio.sleep(0)
        await here.send("b")

        await here.outcomes(2)

        assert here.engine.batches == [["a", "b"]]


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
        await here.running

        depth = await MemoryBatcher(here.store, MODEL).depth()
        assert depth.jobs == 1
        assert here.engine.batches == [["a"]]


async def test_no_lease_is_held_once_all_is_answered() -> None:
    async with world() as here:
        await here.send("a", "b")
        await here.outcomes(2)

        here.loop.stop()
        await here.running

        assert here.vitals.batches == {}


async def test_the_trip_that_finishes_a_batch_says_that_the_staged_one_starts() -> None:
    async with world() as here:
        await staged_behind_a_running_batch(here)
        first, here.engine.gate = here.engine.gate, threading.Event()
        first.set()
        await here.outcomes(1)

        here.engine.gate.set()
        await here.outcomes(2)

    assert here.broker.finished == [(["b:1"], "b:2"), (["b:2"], None)]
    assert here.engine.batches == [["running"], ["staged"]]


async def test_a_stopped_loop_returns_the_staged_batch_to_the_queue() -> None:
    async with world() as here:
        await staged_behind_a_running_batch(here)

        here.loop.stop()
        while not here.broker.released:
            await asyncio.sleep(0)
        here.engine.gate.set()
        await here.running

        assert here.engine.batches == [["running"]]
        assert (await MemoryBatcher(here.store, MODEL).depth()).jobs == 1


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
        here.loop.announced.learn(seen)
        here.vitals.jobs, here.vitals.progressed_at = dict.fromkeys(held, ()), time.monotonic() - 10.0

        assert least <= here.loop.announced.speed.fixed <= least + 1.0


async def test_live_limits_reach_the_engine_before_its_next_step() -> None:
    async with world() as here:
        here.loop.pulse(Pulse(limits=Limits(max_batch_size=5, max_batch_tokens=50, version=1)))
        assert here.engine.max_size == 64
        await here.send("a")
        await here.outcomes(1)

        assert (here.engine.max_size, here.engine.max_tokens) == (5, 50)
