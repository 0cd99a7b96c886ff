"""The lists of a lane on real servers: what is lost is told anew, and what others wrote there harms nothing."""

from __future__ import annotations

import pytest

from broker.messages import FailureCode, Limits
from tests.contract.worlds import LIMITS, MODEL, RedisWorld, job, request

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
LANE = (MODEL, "interactive")


async def test_a_turn_that_is_lost_is_told_anew_by_reclaim(world: RedisWorld) -> None:
    await world.admit(*[job() for _ in range(3)], list=5, weight=4)
    batcher = await world.batcher()
    world.server.delete(world.keys.turn("toy@r1", "interactive"))

    await batcher.reclaim()

    assert world.server.get(world.keys.turn("toy@r1", "interactive")) == b"0 0:1:0 5:4:0"
    assert (await batcher.depth()).jobs == 3


async def test_jobs_whose_turn_is_lost_are_still_counted_when_more_of_them_come(world: RedisWorld) -> None:
    await world.admit(*[job(cost=2) for _ in range(3)], list=5, weight=4)
    world.server.delete(world.keys.turn(*LANE))

    await world.admit(job(cost=2), list=5, weight=4)

    depth = await (await world.batcher()).depth()
    assert (depth.jobs, depth.tokens) == (4, 8)


async def test_a_list_that_is_none_is_refused_before_anything_is_queued(world: RedisWorld) -> None:
    world.server.set(world.keys.list(*LANE, 5), "x")
    asked = [request(job(), list=number) for number in (2, 5)]

    verdicts = await (await world.front_end()).admit(1, asked, [])

    assert [verdict.refusal for verdict in verdicts] == [None, FailureCode.BROKER_UNAVAILABLE]
    assert (await (await world.batcher()).depth()).jobs == 1


@pytest.mark.parametrize("owed", ["-999999999999", "-" + "9" * 400, "9" * 400], ids=["much", "no end", "given"])
async def test_a_turn_that_owes_more_than_can_be_served_ends_soon(world: RedisWorld, owed: str) -> None:
    for number in (1, 2, 3):
        await world.admit(*[job() for _ in range(10)], list=number)
    world.server.set(world.keys.turn(*LANE), f"1 1:1:{owed} 2:1:{owed} 3:9:{owed}")

    batcher = await world.batcher()
    claims = [await batcher.drain(str(at), Limits(max_batch_size=8), staged=False, suspects=False) for at in range(4)]

    assert [len(claim.jobs) for claim in claims] == [8, 8, 8, 6]


async def test_what_a_very_large_job_owes_costs_the_broker_no_time(world: RedisWorld) -> None:
    small = Limits(max_batch_size=64, max_batch_tokens=1)
    for number in (1, 2, 3):
        await world.admit(job(cost=2_000_000), *[job() for _ in range(20)], list=number, weight=1)
    batcher = await world.batcher()
    for at in range(3):
        await batcher.drain(f"large {at}", small, staged=False, suspects=False)
    world.server.config_resetstat()

    claim = await batcher.drain("after", LIMITS, staged=False, suspects=False)

    spent = world.server.info("commandstats")["cmdstat_evalsha"]["usec"]
    assert (len(claim.jobs), spent < 20_000) == (60, True)
