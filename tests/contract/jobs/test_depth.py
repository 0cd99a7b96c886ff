"""DEPTH: how much waits for a model, in both lanes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.messages import Depth, Lane
from tests.contract.worlds import LIMITS, World, job

pytestmark = pytest.mark.anyio


async def test_depth_counts_jobs_and_tokens_of_both_lanes(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job(cost=3), job(cost=4))
    await world.admit(job(cost=5), lane=Lane.BULK)

    depth = await batcher.depth()

    assert (depth.jobs, depth.tokens) == (3, 12)


async def test_depth_tells_the_age_of_the_oldest_job(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job(), lane=Lane.BULK)
    await world.pass_time(0.02)
    await world.admit(job())

    assert 0.015 < (await batcher.depth()).oldest_age < 5.0


async def test_claimed_tokens_leave_the_depth(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job(cost=3), job(cost=4), job(cost=5))

    await batcher.drain("1", replace(LIMITS, max_batch_size=2), staged=False, suspects=False)

    assert (await batcher.depth()).tokens == 5


async def test_an_idle_model_has_no_depth(world: World) -> None:
    assert await (await world.batcher()).depth() == Depth()


async def test_a_look_that_waits_takes_the_token_and_sees_the_job_that_it_was_for(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job())

    depth = await batcher.depth(wait=5.0)

    assert (depth.jobs, await batcher.wait(0.0)) == (1, False)


async def test_a_look_that_waits_in_vain_sees_nothing(world: World) -> None:
    assert await (await world.batcher()).depth(wait=0.01) == Depth()
