"""WAIT: at most one token, pushed whenever work waits that nobody is about to claim."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.messages import Lane
from tests.contract.worlds import LIMITS, SHORT, World, ids, job, request

pytestmark = pytest.mark.anyio
ONE = replace(LIMITS, max_batch_size=1)
INSTANT = 0.01  # seconds; a token that is there is had at once


async def test_an_idle_model_wakes_nobody(world: World) -> None:
    assert await (await world.batcher()).wait(INSTANT) is False


@pytest.mark.parametrize("lane", list(Lane))
async def test_a_job_for_an_empty_queue_wakes_a_batcher(world: World, lane: Lane) -> None:
    await world.admit(job(), lane=lane)

    assert await (await world.batcher()).wait(INSTANT) is True


@pytest.mark.parametrize(
    ("more", "size", "is_woken"),
    [
        pytest.param([1], {"batch": 3}, False, id="not by the second job"),
        pytest.param([1, 1], {"batch": 3}, True, id="by the one that makes a batch full"),
        pytest.param([1, 1], {"batch": 0}, False, id="by none where nobody knows how many that are"),
        pytest.param([1, 1, 1], {"batch": 2}, True, id="by each further batch"),
        pytest.param([50], {"batch": 9, "batch_tokens": 40}, True, id="by tokens"),
    ],
)
async def test_a_batcher_that_waits_for_company_is_woken(
    world: World, more: list[int], size: dict[str, int], is_woken: bool
) -> None:
    batcher, front_end = await world.batcher(), await world.front_end()
    await front_end.admit(1, [request(job(), **size)], {})
    await batcher.wait(INSTANT)

    for sequence, cost in enumerate(more, start=2):
        await front_end.admit(sequence, [request(job(cost=cost), **size)], {})

    assert await batcher.wait(INSTANT) is is_woken


async def test_both_lanes_together_make_a_batch_full(world: World) -> None:
    batcher, front_end = await world.batcher(), await world.front_end()
    await front_end.admit(1, [request(job(), batch=3), request(job(), lane=Lane.BULK, batch=3)], {})
    await batcher.wait(INSTANT)

    await front_end.admit(2, [request(job(), batch=3)], {})

    assert await batcher.wait(INSTANT) is True


async def test_a_blocked_batcher_is_woken(world: World) -> None:
    batcher = await world.batcher()
    waiting = asyncio.create_task(batcher.wait(1.9))
    await asyncio.sleep(0.01)

    await world.admit(job())

    assert await asyncio.wait_for(waiting, 1.0) is True


async def test_there_is_at_most_one_token(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job())
    await world.admit(job())
    await world.admit(job(), lane=Lane.BULK)

    assert [await batcher.wait(INSTANT) for _ in range(2)] == [True, False]


async def test_one_token_wakes_one_batcher(world: World) -> None:
    batchers = [await world.batcher() for _ in range(3)]
    waiting = [asyncio.create_task(batcher.wait(0.6)) for batcher in batchers]
    await asyncio.sleep(0.02)

    await world.admit(job())

    assert sorted(await asyncio.gather(*waiting)) == [False, False, True]


async def test_the_queue_of_another_model_wakes_nobody(world: World) -> None:
    await world.admit(job(), model="other@r1")

    assert await (await world.batcher()).wait(INSTANT) is False


async def test_a_drain_that_leaves_work_wakes_the_next_batcher(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job(), job())
    await batcher.wait(INSTANT)

    await batcher.drain("1", ONE, staged=False, suspects=False)

    assert await batcher.wait(INSTANT) is True


async def test_a_drain_that_leaves_nothing_wakes_nobody(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job())

    await batcher.drain("1", ONE, staged=False, suspects=False)

    assert await batcher.wait(INSTANT) is False


async def test_released_jobs_wake_a_batcher(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job())
    await batcher.drain("1", ONE, staged=True, suspects=False)

    await batcher.release("1")

    assert await batcher.wait(INSTANT) is True


@pytest.mark.parametrize("staged", [True, False])
async def test_reclaimed_jobs_wake_a_batcher(world: World, staged: bool) -> None:
    batcher = await world.batcher(lease=SHORT)
    await world.admit(job())
    await batcher.drain("1", ONE, staged=staged, suspects=False)
    await world.pass_time(2 * SHORT)

    await batcher.reclaim()

    assert await batcher.wait(INSTANT) is True


async def test_a_reclaim_that_brings_nothing_wakes_nobody(world: World) -> None:
    batcher = await world.batcher()

    await batcher.reclaim()

    assert await batcher.wait(INSTANT) is False


async def test_a_refused_request_wakes_nobody(world: World) -> None:
    front_end = await world.front_end(max_queue_jobs=1)
    await front_end.admit(1, [request(job(), job())], {})

    assert await (await world.batcher()).wait(INSTANT) is False


@pytest.mark.parametrize("there_is_one", [True, False])
async def test_a_wait_without_time_only_looks(world: World, there_is_one: bool) -> None:
    batcher = await world.batcher()
    if there_is_one:
        await world.admit(job())

    assert await asyncio.wait_for(batcher.wait(0.0), 0.5) is there_is_one


async def test_a_claim_that_waits_gets_the_job_that_comes_meanwhile(world: World) -> None:
    batcher = await world.batcher()
    claiming = asyncio.create_task(batcher.drain("b1:1", LIMITS, staged=False, suspects=False, wait=1.9))
    await asyncio.sleep(0.01)
    one = job()

    await world.admit(one)

    assert ids(await claiming) == [one.id]


async def test_a_claim_that_waits_in_vain_returns_nothing(world: World) -> None:
    batcher = await world.batcher()

    claim = await batcher.drain("b1:1", LIMITS, staged=False, suspects=False, wait=0.05)

    assert ids(claim) == []
