"""Jobs that join and leave while others are in flight: what is claimed when, and what is told when."""

from __future__ import annotations

import asyncio

import pytest

from broker.messages import Failure, Limits, Pulse, Result
from tests.unit.batcher.in_flight_world import MODEL, outputs, until, world

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batcher.serving.claims.IDLE_WAIT", 0.02)  # a stopped loop waits so long for its last claim


async def test_a_job_is_answered_with_its_own_output() -> None:
    async with world() as here:
        here.gate.open()
        await here.send("2 abc")

        assert outputs(await here.outcomes(1)) == ["cba 2"]


async def test_nobody_waits_for_callers_where_jobs_join_those_that_run() -> None:
    async with world() as here:
        assert here.loop._gathering is None


async def test_jobs_join_while_others_are_in_flight_and_need_not_wait_for_their_end() -> None:
    async with world() as here:
        await here.in_flight("9 long")
        await here.send("1 short")
        await here.claimed(2)
        here.gate.let_pass(2)

        assert outputs(await here.outcomes(1)) == ["trohs 1"]
        assert here.gate.steps == [["9 long"], ["9 long", "1 short"]]


async def test_a_batch_that_joins_is_staged_and_told_to_have_started_and_that_of_an_idle_card_is_neither() -> None:
    async with world() as here:
        await here.in_flight("9 long")
        await here.send("1 short")
        await here.claimed(2)
        here.gate.open()
        await here.outcomes(1)

        assert [asked.staged for asked in here.wire.claims] == [False, True]
        assert here.started == [here.wire.claims[1].claim.batch]


async def test_jobs_that_trickle_in_while_others_are_in_flight_are_claimed_a_few_at_a_time() -> None:
    async with world() as here:
        here.loop._thread.step = 0.05  # so that the next claim is a tenth of a second away
        await here.in_flight("9 long")
        for number in range(5):
            await here.send(f"1 {number}")
            await asyncio.sleep(0)

        await here.claimed(6)

        assert here.wire.sizes == [1, 5]


async def test_no_more_is_claimed_than_has_room() -> None:
    async with world(Limits(max_batch_size=4)) as here:
        await here.in_flight("9 a", "9 b", "9 c")
        await here.send("9 d", "9 e")
        await here.claimed(4)
        await asyncio.sleep(0.02)

        depth = await here.wire.depth()

        assert (here.wire.sizes, depth.jobs) == ([3, 1], 1)


async def test_an_engine_that_is_almost_full_claims_when_an_eighth_of_it_is_free() -> None:
    async with world(Limits(max_batch_size=16)) as here:
        await here.in_flight(*["9 x"] * 15)
        await here.send("1 y")
        await asyncio.sleep(0.02)

        assert len(here.wire.claims) == 1

        here.gate.open()
        await here.outcomes(16)


async def test_the_tokens_in_flight_count_and_a_larger_job_waits_until_it_has_the_engine_to_itself() -> None:
    async with world(Limits(max_batch_tokens=100)) as here:
        await here.send("9 small", cost=40)
        await until(lambda: here.gate.waiting.is_set())
        await here.send("1 huge", cost=500)
        await here.claimed(2)
        here.gate.open()

        await here.outcomes(2)

        assert [asked.tokens for asked in here.wire.claims] == [100, 60]
        assert ["1 huge"] in here.gate.steps
        assert ["9 small", "1 huge"] not in here.gate.steps


async def test_what_ends_together_is_told_in_one_trip_whatever_batches_it_is_of() -> None:
    async with world() as here:
        await here.in_flight("2 a")
        await here.send("1 b")
        await here.claimed(2)
        here.gate.let_pass(1)  # a alone
        await until(lambda: len(here.gate.steps) == 1 and here.gate.waiting.is_set())
        here.gate.open()

        await here.outcomes(2)

        assert [[one.done for one in ended] for ended in here.wire.finishes] == [[True, True]]


async def test_an_ended_job_waits_for_company_until_nothing_is_in_flight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("batcher.policy.batching.InFlightBatching.pause_before_finish", lambda *_: 60.0)
    async with world() as here:
        await here.in_flight("1 a", "2 b")
        here.gate.let_pass(1)
        await until(lambda: len(here.gate.steps) == 1 and here.gate.waiting.is_set())
        await asyncio.sleep(0.01)
        here.gate.open()

        await here.outcomes(2)

        assert len(here.wire.finishes) == 1


async def test_an_eighth_of_the_engine_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batcher.policy.batching.InFlightBatching.pause_before_finish", lambda *_: 60.0)
    async with world(Limits(max_batch_size=16)) as here:
        await here.in_flight("1 a", "1 b", "9 c")
        here.gate.let_pass(1)

        assert outputs(await here.outcomes(2)) == ["a 1", "b 1"]


async def test_a_job_that_finds_the_card_idle_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batcher.policy.batching.InFlightBatching.pause_after_claim", lambda *_: 60.0)
    async with world() as here:
        here.gate.open()
        for number in range(3):
            await here.send(f"1 {number}")

            assert len(await here.outcomes(number + 1)) == number + 1


async def test_a_lease_is_held_until_its_last_job_is_told() -> None:
    async with world() as here:
        await here.in_flight("1 short", "2 long")
        here.gate.let_pass(1)
        await here.outcomes(1)

        held = list(here.vitals.batches)
        here.gate.open()
        await here.outcomes(2)
        await until(lambda: not here.vitals.batches)

        assert held == [here.wire.claims[0].claim.batch]
        assert here.store.queues[MODEL].leases == {}
        assert [ended.done for (ended,) in here.wire.finishes] == [False, True]


async def test_a_job_that_fails_is_told_so_and_the_others_get_their_results() -> None:
    async with world() as here:
        here.gate.open()
        await here.send("1 good", "1 bad")

        outcomes = await here.outcomes(2)

        assert {type(outcome) for outcome in outcomes} == {Result, Failure}


async def test_the_limits_of_an_operator_count_from_the_next_claim_on() -> None:
    async with world() as here:
        here.loop.pulse(Pulse(limits=Limits(max_batch_size=2)))
        here.gate.open()
        await here.send("1 a", "1 b", "1 c")
        await here.outcomes(3)

        assert here.loop.announced.size == 2
        assert here.wire.sizes[0] == 2


async def test_an_engine_that_has_made_itself_smaller_is_announced_as_such_and_gets_no_more() -> None:
    async with world() as here:
        here.engine.slots = 2
        here.gate.open()
        await here.send("1 a")
        await here.outcomes(1)

        await here.send("1 b", "1 c", "1 d")
        await here.outcomes(4)

        assert here.loop.announced.size == 2
        assert max(map(len, here.gate.steps)) == 2


async def test_an_engine_that_has_made_itself_much_smaller_is_joined_and_tells_as_one_of_that_size() -> None:
    async with world() as here:
        here.engine.slots = 4  # less than an eighth of what the limits allow
        here.gate.open()
        await here.send("1 a")
        await here.outcomes(1)
        here.gate.close()

        await here.in_flight("9 long")
        await here.send("1 b")
        await here.claimed(3)
        here.gate.open()

        assert len(await here.outcomes(3)) == 3
        assert ["9 long", "1 b"] in here.gate.steps


async def test_one_that_ends_in_a_small_engine_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batcher.policy.batching.InFlightBatching.pause_before_finish", lambda *_: 60.0)
    async with world() as here:
        here.engine.slots = 4
        await here.in_flight("1 a", "9 b")
        here.gate.let_pass(1)

        async with asyncio.timeout(5):
            assert outputs(await here.outcomes(1)) == ["a 1"]


# The time of one of n in flight is that of a batch of n to a front end: so many leave in it, and so many join.
async def test_a_front_end_is_told_how_long_a_job_stays_beside_how_many() -> None:
    async with world() as here:
        here.engine._before_step = lambda texts: here.clock.tick(0.1)
        for count in (32, 64):  # the first may be cold
            await here.send(*["5 x"] * 32)
            await here.outcomes(count)

        assert here.loop.announced.speed.fixed + 32 * here.loop.announced.speed.per_job == pytest.approx(0.5)
