"""DRAIN: callers take turns, so that whoever floods a lane keeps the others waiting for no longer than a batch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from broker.messages import Claim, FailureCode, Lane, Limits, Policy
from tests.contract.worlds import LIMITS, LONG, SHORT, World, ids, job, request

pytestmark = pytest.mark.anyio
SIXTEEN = replace(LIMITS, max_batch_size=16, max_batch_tokens=10_000)


async def fill(
    world: World, list: int, jobs: int, *, weight: int = 1, cost: int = 1, lane: Lane = Lane.INTERACTIVE
) -> None:
    await world.admit(*[job(cost=cost) for _ in range(jobs)], list=list, weight=weight, lane=lane)


async def claims(world: World, count: int, limits: Limits = SIXTEEN) -> list[Claim]:
    batcher = await world.batcher()
    return [await batcher.drain(str(at), limits, staged=False, suspects=False, bulk_after=0.0) for at in range(count)]


def lists(*claimed: Claim) -> Counter[int]:
    return Counter(one.list for claim in claimed for one in claim.jobs)


def jain(shares: list[float]) -> float:
    """Jain's index: 1.0 is perfectly fair."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


async def test_one_job_beside_a_flood_is_in_the_next_batch(world: World) -> None:
    await fill(world, 1, 500)
    await claims(world, 1)
    await fill(world, 5, 1)

    batcher = await world.batcher()
    claim = await batcher.drain("next", SIXTEEN, staged=False, suspects=False)

    assert lists(claim) == {1: 15, 5: 1}
    assert (claim.closed_by, claim.left) == ("size", 500 - 16 - 15)


async def test_two_callers_have_half_of_each_batch(world: World) -> None:
    await fill(world, 2, 100)
    await fill(world, 3, 100)

    assert [lists(claim) for claim in await claims(world, 4)] == [{2: 8, 3: 8}] * 4


async def test_those_without_a_key_take_turns_too(world: World) -> None:
    await fill(world, 0, 100)
    await fill(world, 3, 100)

    assert lists(*await claims(world, 4)) == {0: 32, 3: 32}


async def test_batches_are_shared_by_weight(world: World) -> None:
    weights = {1: 1, 4: 3, 6: 5}
    for number, weight in weights.items():
        await fill(world, number, 400, weight=weight)

    took = lists(*await claims(world, 36))

    assert jain([took[number] / weight for number, weight in weights.items()]) > 0.995
    assert sum(took.values()) == 36 * 16


async def test_shares_are_of_tokens_where_these_bind(world: World) -> None:
    limits = replace(LIMITS, max_batch_size=64, max_batch_tokens=100)
    await fill(world, 1, 300, cost=10)
    await fill(world, 2, 300, cost=3)

    took = lists(*await claims(world, 16, limits))

    assert jain([10 * took[1], 3 * took[2]]) > 0.995


async def test_a_list_of_jobs_that_fill_a_batch_each_goes_on(world: World) -> None:
    limits = replace(LIMITS, max_batch_size=16, max_batch_tokens=100)
    await fill(world, 1, 20, cost=400)
    await fill(world, 2, 200)

    took = lists(*await claims(world, 12, limits))

    assert took[1] >= 2
    assert took[2] >= 60


async def test_a_caller_who_is_alone_has_the_whole_batch(world: World) -> None:
    await fill(world, 7, 40)

    claimed = await claims(world, 4)

    assert [len(claim.jobs) for claim in claimed] == [16, 16, 8, 0]
    assert [claim.left for claim in claimed] == [24, 8, 0, 0]


async def test_jobs_of_one_caller_keep_their_order(world: World) -> None:
    mine = [job() for _ in range(40)]
    await fill(world, 1, 100)
    await world.admit(*mine, list=2)

    claimed = await claims(world, 6)

    assert [one.id for claim in claimed for one in claim.jobs if one.list == 2] == ids(mine)


async def test_bulk_takes_turns_within_its_lane(world: World) -> None:
    for number in (1, 2):
        await fill(world, number, 100, lane=Lane.BULK)
    await fill(world, 3, 200)

    took = lists(*await claims(world, 8))

    assert took == {3: 8 * 14, 1: 8, 2: 8}


async def test_what_a_batcher_gives_back_goes_to_the_head_of_its_own_list(world: World) -> None:
    first = [job() for _ in range(4)]
    await world.admit(*first, list=6, weight=2)
    batcher = await world.batcher()
    await batcher.drain("0", SIXTEEN, staged=True, suspects=False)
    await batcher.release("0")
    await fill(world, 6, 20)
    await fill(world, 1, 20)

    claim = await batcher.drain("1", replace(SIXTEEN, max_batch_size=8), staged=False, suspects=False)

    assert [one.id for one in claim.jobs if one.list == 6][:4] == ids(first)
    assert lists(claim)[1] > 0


async def test_a_lost_batch_goes_back_to_its_own_list(world: World) -> None:
    await fill(world, 6, 4, weight=3)
    batcher = await world.batcher(lease=SHORT)
    await batcher.drain("0", SIXTEEN, staged=True, suspects=False)
    await world.pass_time(2 * SHORT)

    await batcher.reclaim()

    [claim] = await claims(world, 1)
    assert [(one.list, one.weight) for one in claim.jobs] == [(6, 3)] * 4


async def test_depth_counts_every_list(world: World) -> None:
    for number in (0, 3, 5):
        await fill(world, number, 10, cost=2)
    await fill(world, 4, 5, lane=Lane.BULK)

    depth = await (await world.batcher()).depth()

    assert (depth.jobs, depth.tokens) == (35, 65)


async def test_the_last_eighth_of_a_lane_is_for_those_of_whom_nothing_waits(world: World) -> None:
    front_end = await world.front_end(max_queue_jobs=80)
    flood = await front_end.admit(1, [request(*[job() for _ in range(70)], list=1)], {})
    more = await front_end.admit(2, [request(job(), list=1)], {})
    other = await front_end.admit(3, [request(*[job() for _ in range(10)], list=2)], {})
    full = await front_end.admit(4, [request(job(), list=3)], {})

    said = [verdict.refusal for verdict in (*flood, *more, *other, *full)]
    assert said == [None, FailureCode.CONTENDED, None, FailureCode.CONTENDED]


async def test_callers_without_a_key_keep_the_others_out_no_more_than_these_do(world: World) -> None:
    front_end, policy = await world.front_end(max_queue_jobs=80), Policy(name="jobs", unit="jobs", quota=99, window=1.0)
    stranger = {"caller": "anonymous@1", "policies": [policy]}
    flood = await front_end.admit(1, [request(*[job() for _ in range(70)], **stranger)], {})
    more = await front_end.admit(2, [request(job(), **stranger)], {})
    other = await front_end.admit(3, [request(*[job() for _ in range(10)], list=2)], {})

    assert [verdict.refusal for verdict in (*flood, *more, *other)] == [None, FailureCode.CONTENDED, None]


@pytest.mark.parametrize(
    ("list", "weight", "jobs", "ahead"),
    [(1, 1, 1, 60), (2, 1, 1, 32), (3, 1, 1, 3), (2, 9, 1, 13), (3, 1, 10, 30), (3, 1, 100, 60)],
    ids=["flood", "some", "none", "heavy", "ten of none", "many of none"],
)
async def test_the_expected_wait_counts_turns(world: World, list: int, weight: int, jobs: int, ahead: int) -> None:
    await fill(world, 1, 45)
    await fill(world, 2, 10)
    await fill(world, 4, 5)
    how = {"time_left": LONG, "most_ahead": -1, "list": list, "weight": weight}

    [verdict] = await (await world.front_end()).admit(99, [request(*[job() for _ in range(jobs)], **how)], {})

    assert (verdict.refusal, verdict.ahead) == (FailureCode.CONTENDED, ahead)
