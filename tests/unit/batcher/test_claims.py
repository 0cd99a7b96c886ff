"""When and what a batcher claims, with a broker that moves the clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from broker.contract import NEVER
from broker.messages import Claim, Depth, Lane, Limits
from tests.conftest import FakeClock
from tests.unit.batcher.claims_world import LOOK, ScriptedBroker, claims, new_claims

pytestmark = pytest.mark.anyio


async def test_under_adaptive_a_lone_job_leaves_at_once(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1])

    batch = await claims(broker, Limits(policy="adaptive", max_wait=5.0)).when_woken()

    assert batch is not None
    assert broker.claims[0]["at"] == pytest.approx(1000.1)
    assert batch.closed_by == "idle"


async def test_a_batcher_that_has_just_started_claims_before_it_waits_for_a_token(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0])

    await new_claims(broker, Limits()).when_woken()

    assert broker.claims[0]["wait"] == 0.0


@pytest.mark.parametrize(("make", "trip"), [(new_claims, 0.002), (claims, 0.001)], ids=["at once", "after a wait"])
async def test_a_trip_is_measured_by_claims_that_wait_for_nothing(clock: FakeClock, make: Any, trip: float) -> None:
    class Slow(ScriptedBroker):
        async def drain(self, *args: Any, **how: Any) -> Claim:
            self.clock.tick(0.011)
            return await super().drain(*args, **how)

    made = make(Slow(clock, arrivals=[999.0]), Limits())
    await made.when_woken()

    assert made._trip == pytest.approx(trip)


async def test_under_fixed_a_lone_job_waits_for_company_until_max_wait(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1])

    batch = await claims(broker, Limits(policy="fixed", max_wait=0.010)).when_woken()

    assert batch is not None
    assert 1000.110 <= broker.claims[0]["at"] <= 1000.110 + LOOK
    assert batch.closed_by == "window"


class LateJobBroker(ScriptedBroker):
    """A job comes just after the first look at an empty queue."""

    async def depth(self, *, wait: float = 0.0) -> Depth:
        depth = await super().depth()
        if self.looks == 1:
            self.arrivals.append(self.clock.now)
        return depth


async def test_under_fixed_a_job_that_comes_after_a_look_at_an_empty_queue_has_a_window_of_its_own(
    clock: FakeClock,
) -> None:
    # It was claimed at once, alone: a batcher that had just started, or another one's batch, was enough.
    broker = LateJobBroker(clock)
    claiming = new_claims(broker, Limits(policy="fixed", max_wait=0.010))

    first, batch = await claiming.when_woken(), await claiming.when_woken()

    assert first is None
    assert batch is not None and broker.claims[0]["at"] >= batch.claim.jobs[0].admitted + 0.010


async def test_under_fixed_a_full_batch_leaves_before_max_wait(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1, 1000.101, 1000.102])
    broker.closed_by = "size"

    batch = await claims(broker, Limits(policy="fixed", max_wait=5.0, max_batch_size=3)).when_woken()

    assert batch is not None
    assert broker.claims[0]["at"] <= 1000.102 + 2 * LOOK
    assert (len(batch.claim.jobs), batch.closed_by) == (3, "size")


# It looked at quarters of the time that was left: a batch that was full after 0.1 s of 10 stood for 2.5.
@pytest.mark.parametrize("full_at", [1000.5, 1003.2, 1009.7])
async def test_under_fixed_with_a_long_window_a_full_batch_leaves_as_soon_as_the_broker_tells(
    clock: FakeClock, full_at: float
) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1, full_at - 0.1, full_at], tokens=[1000.1, full_at])
    broker.closed_by = "size"

    batch = await claims(broker, Limits(policy="fixed", max_wait=10.0, max_batch_size=3)).when_woken()

    assert batch is not None
    assert broker.claims[0]["at"] <= full_at + 2 * LOOK
    assert (len(batch.claim.jobs), batch.closed_by) == (3, "size")


async def test_a_full_batch_whose_token_was_lost_leaves_within_half_a_second(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1, 1000.2, 1000.3], tokens=[1000.1])

    await claims(broker, Limits(policy="fixed", max_wait=10.0, max_batch_size=3)).when_woken()

    assert broker.claims[0]["at"] <= 1000.3 + 0.5 + 2 * LOOK


async def test_a_long_window_costs_few_looks(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(seconds: float) -> None:
        clock.tick(seconds)

    monkeypatch.setattr("batcher.serving.claims.asyncio.sleep", sleep)
    broker = ScriptedBroker(clock, arrivals=[1000.1], tokens=[1000.1])

    await claims(broker, Limits(policy="fixed", max_wait=10.0)).when_woken()

    assert 1010.1 <= broker.claims[0]["at"] <= 1010.1 + LOOK
    assert broker.looks <= 60


async def test_a_busy_card_claims_nothing_while_a_fixed_window_is_open(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.0])
    running = asyncio.get_running_loop().create_future()

    batch = await claims(broker, Limits(policy="fixed", max_wait=5.0)).before(running, predicted_end=1000.01)

    assert batch is None
    assert broker.claims == []


@pytest.mark.parametrize(
    ("arrivals", "claimed"), [([998.0], 1), ([], 0)], ids=["whose window is over", "but not of an empty queue"]
)
async def test_under_fixed_a_busy_card_claims_what_gathered(
    clock: FakeClock, arrivals: list[float], claimed: int
) -> None:
    broker = ScriptedBroker(clock, arrivals=arrivals)
    running = asyncio.get_running_loop().create_future()

    await claims(broker, Limits(policy="fixed", max_wait=0.0)).before(running, predicted_end=1000.0)

    assert len(broker.claims) == claimed


async def test_a_busy_card_claims_what_gathered_just_before_it_comes_free(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0, 999.5])
    running = asyncio.get_running_loop().create_future()

    batch = await claims(broker, Limits()).before(running, predicted_end=1000.0)

    assert batch is not None
    assert (len(batch.claim.jobs), batch.is_staged, batch.closed_by) == (2, True, "busy")


async def test_a_card_that_had_to_wait_for_its_job_looks_for_no_other_while_it_computes(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1])
    made = claims(broker, Limits())
    await made.when_woken()
    running = asyncio.get_running_loop().create_future()

    batch = await made.before(running, predicted_end=clock.now)

    assert batch is None
    assert len(broker.claims) == 1


async def test_a_card_that_found_jobs_waiting_claims_the_next_ones_while_it_computes(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0])
    made = claims(broker, Limits())
    made._may_stage = False
    await made.when_woken()
    broker.arrivals = [clock.now]
    running = asyncio.get_running_loop().create_future()

    batch = await made.before(running, predicted_end=clock.now)

    assert batch is not None
    assert batch.is_staged


async def test_nothing_is_staged_for_a_batch_that_is_done_already(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0])
    running = asyncio.get_running_loop().create_future()
    running.set_result(None)

    assert await claims(broker, Limits()).before(running, predicted_end=2000.0) is None


async def test_suspects_take_turns_with_new_work_which_goes_first(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0])
    made = claims(broker, Limits())

    for closed_by in ("empty", "suspects", "empty"):
        broker.closed_by = closed_by
        await made.when_woken()

    assert [claim["suspects"] for claim in broker.claims] == [False, True, False]


async def test_no_two_claims_have_the_same_name(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0])
    made = claims(broker, Limits())

    for _ in range(3):
        await made.when_woken()

    assert len({claim["batch"] for claim in broker.claims}) == 3


async def test_nothing_is_staged_beside_suspects_because_it_would_share_the_blame(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0], closed_by="suspects")
    made = claims(broker, Limits())
    await made.when_woken()
    broker.arrivals = [clock.now]
    running = asyncio.get_running_loop().create_future()

    assert await made.before(running, predicted_end=clock.now) is None


async def test_a_claim_whose_answer_was_lost_is_asked_for_again_without_waiting(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0], losses=1)

    batch = await claims(broker, Limits()).when_woken()

    assert batch is not None
    assert [claim["wait"] > 0.0 for claim in broker.claims] == [True, False]
    assert len({claim["batch"] for claim in broker.claims}) == 1


async def test_bulk_is_passed_over_for_a_quarter_of_a_full_batch(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0])

    await claims(broker, Limits(max_batch_size=32), predict=lambda jobs: 0.1 * jobs).when_woken()

    assert broker.claims[0]["bulk_after"] == pytest.approx(0.8)


async def test_bulk_that_is_ahead_is_passed_over_until_interactive_jobs_had_their_part(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0, 999.5], lane=Lane.BULK, closed_by="size")
    made = claims(broker, Limits(max_batch_size=1))

    await made.when_woken()
    await made.when_woken()

    assert [claim["bulk_after"] for claim in broker.claims] == [0.0, NEVER]


async def test_nothing_is_staged_beside_suspects_whose_claim_was_asked_for_again(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[990.0], attempts=1, closed_by="again")
    made = claims(broker, Limits())
    await made.when_woken()
    broker.arrivals = [991.0]

    staged = await made.before(asyncio.get_running_loop().create_future(), clock.now)

    assert staged is None
