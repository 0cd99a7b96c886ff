"""Jobs in flight that nobody waits for, suspects, a loop that is stopped, brokers and engines that fail."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from msgspec.structs import replace

from batcher.engines.engine import Done
from batcher.serving import model_thread
from broker.memory import MemoryHeartbeat
from broker.messages import RECORD, Cancel, DeadLetter, Failure, FailureCode, Limits, Presence
from tests.unit.batcher.in_flight_world import MODEL, outputs, until, world

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batcher.serving.claims.IDLE_WAIT", 0.02)  # a stopped loop waits so long for its last claim


async def test_a_cancelled_job_leaves_after_the_next_beat() -> None:
    async with world() as here:
        await here.in_flight("9 gone", "2 kept")
        await here.front_end.admit(99, [], [Cancel(model=MODEL, ids=here.wire.claims[0].claim.jobs[0].id[:RECORD])])

        beat = MemoryHeartbeat(here.store, MODEL).beat(Presence(batcher="b", model=MODEL), here.vitals.batches)
        here.loop.pulse(beat)
        here.gate.open()
        await here.outcomes(1)

        assert here.gate.steps == [["9 gone", "2 kept"], ["2 kept"]]


async def test_an_expired_job_leaves_at_the_next_step_and_its_lease_is_done() -> None:
    async with world() as here:
        await here.send("9 late", time_left=5.0)
        await until(lambda: here.gate.waiting.is_set())
        here.clock.tick(6.0)
        here.gate.open()

        await until(lambda: not here.vitals.batches)

        assert here.gate.steps == [["9 late"]]
        assert here.store.queues[MODEL].leases == {}


async def test_suspects_wait_until_nothing_is_in_flight_and_run_alone() -> None:
    async with world() as here:
        await here.in_flight("3 innocent")
        here.crash("2 suspect")
        await until(lambda: here.loop._claims.has_suspects)
        await here.send("1 new")
        await asyncio.sleep(0.02)
        here.gate.open()

        await here.outcomes(3)

        alone = [["3 innocent"]] * 3 + [["2 suspect"]] * 2 + [["1 new"]]
        assert here.gate.steps == alone
        assert [asked.staged for asked in here.wire.claims] == [False, False, False]


async def test_suspects_take_turns_with_new_work() -> None:
    async with world(Limits(max_batch_size=1)) as here:
        here.gate.open()
        for text in ("1 first", "1 second"):
            here.crash(text, attempts=2)
        await here.send("1 new", "1 newer")

        await here.outcomes(4)

        assert [texts for (texts,) in here.gate.steps] == ["1 new", "1 first", "1 newer", "1 second"]


async def test_a_stopped_loop_finishes_what_is_in_flight_and_leaves_the_rest_in_the_queue() -> None:
    async with world(Limits(max_batch_size=1)) as here:
        await here.in_flight("3 a")
        await here.send("1 b")

        here.loop.stop()
        here.gate.open()
        await here.stopped()

        assert outputs(await here.outcomes(1)) == ["a 3"]
        assert (await here.wire.depth()).jobs == 1
        assert here.vitals.batches == {}


async def test_a_stopped_loop_returns_what_it_has_claimed_and_not_started() -> None:
    async with world() as here:
        await here.in_flight("3 a")
        await here.send("1 b")
        await here.claimed(2)

        here.loop.stop()
        await until(lambda: bool(here.wire.released))
        here.gate.open()
        await here.stopped()

        assert here.gate.steps == [["3 a"]] * 3
        assert (await here.wire.depth()).jobs == 1


async def test_a_stopped_loop_returns_a_job_that_waits_for_room() -> None:
    async with world(Limits(max_batch_tokens=10)) as here:
        await here.in_flight("3 a")
        await here.send("1 huge", cost=50)
        await here.claimed(2)

        here.loop.stop()
        await until(lambda: bool(here.wire.released))

        assert (await here.wire.depth()).jobs == 1


async def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_computed_twice() -> None:
    async with world() as here:
        here.wire.lost = 1
        here.gate.open()
        await here.send("1 a")

        await until(lambda: not here.vitals.batches and len(here.wire.finishes) == 2)

        assert outputs(await here.outcomes(1))[0] == "a 1"
        assert here.gate.steps == [["1 a"]]


async def test_a_broker_that_refuses_results_costs_their_leases_and_the_loop_lives_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("batcher.serving.retry.PAUSE", 0.0)
    async with world() as here:
        here.wire.refused = 1
        here.gate.open()
        (refused,) = await here.send("1 a")
        await until(lambda: not here.wire.refused and not here.vitals.batches)

        await here.send("1 b")

        assert outputs(await here.outcomes(1)) == ["b 1"]
        assert [list(lease.jobs) for lease in here.store.queues[MODEL].leases.values()] == [[refused]]


async def test_what_ends_after_a_refusal_does_not_end_the_lease_of_those_that_nobody_was_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("batcher.serving.retry.PAUSE", 0.0)
    async with world() as here:
        here.wire.refused = 1
        untold, _ = await here.send("1 a", "2 b")
        await until(lambda: here.gate.waiting.is_set())
        here.gate.let_pass(1)
        await until(lambda: not here.wire.refused and not here.vitals.batches)
        here.gate.open()

        assert outputs(await here.outcomes(1)) == ["b 2"]
        await until(lambda: not here.loop._leases)
        assert [list(lease.jobs) for lease in here.store.queues[MODEL].leases.values()] == [[untold]]


async def test_an_error_after_a_lease_is_closed_does_not_close_it_again_and_the_loop_lives_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("batcher.serving.retry.PAUSE", 0.0)
    async with world() as here:
        here.gate.open()
        with monkeypatch.context() as broken:
            broken.setattr(here.loop._publisher._metrics, "lease", lambda batch, failures: 1 / 0)
            await here.send("1 a")
            await here.outcomes(1)
            await until(lambda: not here.loop._leases)

        await here.send("1 b")

        async with asyncio.timeout(5):
            assert outputs(await here.outcomes(2)) == ["a 1", "b 1"]


async def test_claims_beside_a_step_that_hangs_are_no_sign_of_life() -> None:
    async with world() as here:
        await here.in_flight("9 hangs")
        progressed_at = here.vitals.progressed_at
        await here.send("1 b")
        await here.claimed(2)

        assert len(here.vitals.batches) == 2
        assert here.vitals.progressed_at == progressed_at


async def test_a_broker_that_is_away_does_not_make_a_step_that_hangs_look_alive() -> None:
    async with world() as here:
        await here.in_flight("9 hangs")
        progressed_at = here.vitals.progressed_at
        here.wire.away = 2
        await here.send("1 b")
        await here.claimed(2)

        assert here.vitals.progressed_at == progressed_at


async def test_a_broker_that_is_away_when_all_have_ended_does_not_make_the_engine_look_hung() -> None:
    async with world() as here:
        here.wire.lost = 3
        here.gate.open()
        await here.send("1 a")
        await until(lambda: bool(here.wire.finishes))
        here.vitals.progressed_at = 0.0

        await until(lambda: not here.vitals.batches)

        assert here.vitals.progressed_at > 0.0


async def test_a_start_that_cannot_be_told_costs_its_lease_and_the_loop_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_thread, "PAUSE", 0.0)
    async with world() as here:
        await here.in_flight("9 a")
        monkeypatch.setattr(here.loop._thread, "_tell_start", lambda batch: 1 / 0)
        await here.send("1 b")
        await here.claimed(2)
        here.gate.open()

        await until(lambda: not here.vitals.batches)

        await here.stopped()
        assert len(here.store.queues[MODEL].leases) == 2


async def test_an_output_that_cannot_travel_fails_its_job_and_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with world() as here:
        done = here.engine._done
        bad = {"1 odd": Done(job_id="", output=object())}
        monkeypatch.setattr(here.engine, "_done", lambda job: replace(bad.get(job.input, done(job)), job_id=job.id))
        here.gate.open()
        await here.send("1 odd", "1 a")

        outcomes = await here.outcomes(2)

        assert outputs(outcomes) == ["a 1"]
        assert [one.code for one in outcomes if isinstance(one, Failure)] == [FailureCode.MODEL_ERROR]


async def test_what_an_engine_loses_is_left_to_its_lease_and_the_next_job_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_thread, "PAUSE", 0.0)
    async with world() as here:
        here.gate.open()
        await here.send("1 trips", "9 innocent")
        await until(lambda: bool(here.wire.claims) and not here.vitals.batches)
        lost = {id for lease in here.store.queues[MODEL].leases.values() for id in lease.jobs}

        await here.send("1 next")

        assert outputs(await here.outcomes(1)) == ["txen 1"]
        assert len(lost) == 2


async def test_a_thread_that_cannot_go_on_ends_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    here = world()
    made = await here.__aenter__()

    def fail(batches: object) -> None:
        raise MemoryError

    monkeypatch.setattr(made.loop._thread, "turn", fail)
    await made.send("1 a")

    with pytest.raises(BaseExceptionGroup):
        await asyncio.wait_for(made.running, 10)


async def test_reclaiming_ends_with_a_loop_that_ends_by_itself_though_a_connection_swallows_its_cancellation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("batcher.serving.reclaim.RECLAIM_EVERY", 0.0)
    asked, before = asyncio.Event(), asyncio.all_tasks()
    here = world()
    made = await here.__aenter__()

    async def swallow() -> list[DeadLetter]:
        asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return []

    def fail(batches: object) -> None:
        raise MemoryError

    monkeypatch.setattr(made.wire, "reclaim", swallow)
    monkeypatch.setattr(made.loop._thread, "turn", fail)
    await asked.wait()
    await made.send("1 a")
    with pytest.raises(BaseExceptionGroup):
        await asyncio.wait_for(made.running, 10)

    await until(lambda: asyncio.all_tasks() <= before)
