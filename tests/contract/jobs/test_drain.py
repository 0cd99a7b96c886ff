"""DRAIN: the oldest live jobs that fit, claimed once under a lease that the batcher named before."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.messages import Depth, Lane, Limits
from tests.contract.worlds import LIMITS, SHORT, World, ids, job, presence

pytestmark = pytest.mark.anyio
BULK, INTERACTIVE = Lane.BULK, Lane.INTERACTIVE


def size(jobs: int) -> Limits:
    return replace(LIMITS, max_batch_size=jobs)


def tokens(budget: int) -> Limits:
    return replace(LIMITS, max_batch_tokens=budget)


async def test_a_claim_takes_all_there_was(world: World) -> None:
    jobs = [job() for _ in range(3)]
    batcher = await world.batcher()
    await world.admit(*jobs)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert (claim.batch, ids(claim), claim.left, claim.closed_by) == ("1", ids(jobs), 0, "empty")


async def test_a_claim_ends_at_the_largest_batch(world: World) -> None:
    jobs = [job() for _ in range(5)]
    batcher = await world.batcher()
    await world.admit(*jobs)

    claim = await batcher.drain("1", size(3), staged=False, suspects=False)

    assert (ids(claim), claim.left, claim.closed_by) == (ids(jobs[:3]), 2, "size")


async def test_a_claim_ends_before_the_job_that_exceeds_the_tokens(world: World) -> None:
    jobs = [job(cost=40) for _ in range(3)]
    batcher = await world.batcher()
    await world.admit(*jobs)

    claim = await batcher.drain("1", tokens(80), staged=False, suspects=False)

    assert (ids(claim), claim.left, claim.closed_by) == (ids(jobs[:2]), 1, "tokens")


async def test_a_job_larger_than_the_budget_travels_alone(world: World) -> None:
    large, small = job(cost=500), job(cost=1)
    batcher = await world.batcher()
    await world.admit(large, small)

    claim = await batcher.drain("1", tokens(80), staged=False, suspects=False)

    assert (ids(claim), claim.closed_by) == ([large.id], "tokens")


async def test_a_large_job_ends_the_claim_before_it(world: World) -> None:
    small, large, last = job(cost=1), job(cost=500), job(cost=1)
    batcher = await world.batcher()
    await world.admit(small, large, last)

    claim = await batcher.drain("1", tokens(80), staged=False, suspects=False)

    assert ids(claim) == [small.id]


async def test_the_next_claim_takes_up_where_the_last_one_ended(world: World) -> None:
    jobs = [job() for _ in range(5)]
    batcher = await world.batcher()
    await world.admit(*jobs)
    await batcher.drain("1", size(3), staged=False, suspects=False)

    assert ids(await batcher.drain("2", size(3), staged=True, suspects=False)) == ids(jobs[3:])


async def test_an_empty_queue_gives_an_empty_claim(world: World) -> None:
    batcher = await world.batcher()

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=True)

    assert (len(claim.jobs), len(claim.spoiled), claim.left, claim.closed_by) == (0, 0, 0, "empty")


async def test_an_empty_claim_leaves_no_lease(world: World) -> None:
    batcher = await world.batcher()

    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert world.heart().beat(presence(), {"1": []}).lost == {"1"}


async def test_interactive_jobs_go_before_older_bulk(world: World) -> None:
    bulk, interactive = job(), job()
    batcher = await world.batcher()
    await world.admit(bulk, lane=BULK)
    await world.admit(interactive, lane=INTERACTIVE)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert ids(claim) == [interactive.id, bulk.id]


async def test_bulk_fills_only_the_room_that_interactive_leaves(world: World) -> None:
    bulk, interactive = [job() for _ in range(3)], [job() for _ in range(2)]
    batcher = await world.batcher()
    await world.admit(*bulk, lane=BULK)
    await world.admit(*interactive, lane=INTERACTIVE)

    claim = await batcher.drain("1", size(3), staged=False, suspects=False)

    assert (ids(claim), claim.left) == (ids([*interactive, bulk[0]]), 2)


async def test_bulk_waits_while_interactive_fills_the_batch(world: World) -> None:
    bulk, interactive = job(), [job() for _ in range(2)]
    batcher = await world.batcher()
    await world.admit(bulk, lane=BULK)
    await world.admit(*interactive, lane=INTERACTIVE)

    claim = await batcher.drain("1", size(2), staged=False, suspects=False)

    assert (ids(claim), claim.left) == (ids(interactive), 1)


async def test_both_lanes_share_one_token_budget(world: World) -> None:
    bulk, interactive = [job(cost=40), job(cost=40)], job(cost=40)
    batcher = await world.batcher()
    await world.admit(*bulk, lane=BULK)
    await world.admit(interactive, lane=INTERACTIVE)

    claim = await batcher.drain("1", tokens(80), staged=False, suspects=False)

    assert (ids(claim), claim.closed_by) == ([interactive.id, bulk[0].id], "tokens")


async def test_asking_again_returns_the_same_jobs_and_claims_nothing_more(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(*[job() for _ in range(20)])
    first = await batcher.drain("1", size(12), staged=True, suspects=False)

    again = await batcher.drain("1", size(12), staged=True, suspects=False)

    assert (again.jobs, again.left) == (first.jobs, 8)


async def test_asking_again_keeps_the_lease_alive(world: World) -> None:
    hasty, patient = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(job())
    await hasty.drain("1", LIMITS, staged=True, suspects=False)

    await patient.drain("1", LIMITS, staged=True, suspects=False)

    await world.pass_time(2 * SHORT)
    await patient.reclaim()
    assert (await patient.depth()).jobs == 0


async def test_an_expired_job_is_dropped(world: World) -> None:
    expired, live = job(), job()
    batcher = await world.batcher()
    await world.admit(expired, time_left=SHORT)
    await world.admit(live)
    await world.pass_time(2 * SHORT)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert (ids(claim), claim.left) == ([live.id], 0)


async def test_expired_jobs_take_no_room_from_live_ones(world: World) -> None:
    live = [job(cost=40) for _ in range(2)]
    batcher = await world.batcher()
    await world.admit(job(cost=40), job(cost=40), time_left=SHORT)
    await world.admit(*live)
    await world.pass_time(2 * SHORT)

    tight = replace(LIMITS, max_batch_size=2, max_batch_tokens=80)
    claim = await batcher.drain("1", tight, staged=False, suspects=False)

    assert ids(claim) == ids(live)


async def test_a_heap_of_expired_jobs_is_cleared_call_by_call(world: World) -> None:
    live = job()
    batcher = await world.batcher()
    await world.admit(*[job() for _ in range(50)], time_left=SHORT)
    await world.admit(live)
    await world.pass_time(2 * SHORT)

    claims = [await batcher.drain(str(call), size(2), staged=False, suspects=False) for call in range(10)]

    assert [id for claim in claims for id in ids(claim)] == [live.id]
    assert await batcher.depth() == Depth()


async def test_two_batchers_never_claim_the_same_job(world: World) -> None:
    jobs = [job() for _ in range(40)]
    one, other = await world.batcher(), await world.batcher()
    await world.admit(*jobs)

    claims = await asyncio.gather(
        *(
            batcher.drain(f"{name}{turn}", size(5), staged=False, suspects=False)
            for turn in range(4)
            for name, batcher in (("a", one), ("b", other))
        )
    )

    assert sorted(id for claim in claims for id in ids(claim)) == sorted(ids(jobs))
