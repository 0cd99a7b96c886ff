"""RECLAIM and RELEASE: what a batcher cannot finish goes back, and who had not started is untouched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.messages import Lane
from tests.contract.worlds import LIMITS, SHORT, World, ids, job, presence

pytestmark = pytest.mark.anyio


async def test_a_live_lease_is_not_reclaimed(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job())
    await batcher.drain("1", LIMITS, staged=True, suspects=False)

    assert list(await batcher.reclaim()) == []
    assert (await batcher.depth()).jobs == 0


async def test_jobs_that_had_not_started_go_back_to_the_head_untouched(world: World) -> None:
    staged, later = [job() for _ in range(3)], job()
    batcher = await world.batcher(lease=SHORT)
    await world.admit(*staged)
    before = await batcher.drain("1", LIMITS, staged=True, suspects=False)
    await world.admit(later)
    await world.pass_time(2 * SHORT)

    await batcher.reclaim()

    claim = await batcher.drain("2", LIMITS, staged=False, suspects=True)
    assert ids(claim) == ids([*staged, later])
    assert list(claim.jobs[:3]) == list(before.jobs)


async def test_jobs_that_had_not_started_go_back_to_their_own_lane(world: World) -> None:
    interactive, bulk, later = job(), job(), job()
    batcher = await world.batcher(lease=SHORT)
    await world.admit(interactive)
    await world.admit(bulk, lane=Lane.BULK)
    await batcher.drain("1", LIMITS, staged=True, suspects=False)
    await world.admit(later)
    await world.pass_time(2 * SHORT)

    await batcher.reclaim()

    claim = await batcher.drain("2", LIMITS, staged=False, suspects=True)
    assert ids(claim) == ids([interactive, later, bulk])


async def test_jobs_of_two_batches_that_had_not_started_go_back_in_the_order_of_their_admission(world: World) -> None:
    jobs = [job() for _ in range(4)]
    batcher = await world.batcher(lease=SHORT)
    for one in jobs:
        await world.admit(one)
        await world.pass_time(0.002)
    await batcher.drain("1", replace(LIMITS, max_batch_size=2), staged=True, suspects=False)
    await world.pass_time(0.002)
    await batcher.drain("2", LIMITS, staged=True, suspects=False)
    await world.pass_time(2 * SHORT)

    await batcher.reclaim()

    assert ids(await batcher.drain("3", LIMITS, staged=False, suspects=True)) == ids(jobs)


async def test_their_tokens_count_again(world: World) -> None:
    batcher = await world.batcher(lease=SHORT)
    await world.admit(job(cost=3), job(cost=4))
    await batcher.drain("1", LIMITS, staged=True, suspects=False)
    await world.pass_time(2 * SHORT)

    await batcher.reclaim()

    assert (await batcher.depth()).tokens == 7


async def test_any_batcher_of_the_model_reclaims_for_the_dead(world: World) -> None:
    waiting = job()
    dead, alive = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(waiting)
    await dead.drain("1", LIMITS, staged=True, suspects=False)
    await world.pass_time(2 * SHORT)

    await alive.reclaim()

    assert ids(await alive.drain("2", LIMITS, staged=False, suspects=False)) == [waiting.id]


async def test_leases_of_another_model_are_left_to_its_own_batchers(world: World) -> None:
    other = await world.batcher("other@r1", lease=SHORT)
    await world.admit(job(), model="other@r1")
    await other.drain("1", LIMITS, staged=True, suspects=False)
    await world.pass_time(2 * SHORT)

    await (await world.batcher()).reclaim()

    assert (await other.depth()).jobs == 0


async def test_a_lease_is_reclaimed_once(world: World) -> None:
    batcher = await world.batcher(lease=SHORT)
    await world.admit(job())
    await batcher.drain("1", LIMITS, staged=True, suspects=False)
    await world.pass_time(2 * SHORT)
    await batcher.reclaim()

    await batcher.reclaim()

    assert (await batcher.depth()).jobs == 1


async def test_one_call_takes_back_the_many_small_leases_of_a_batcher_that_ran_in_flight(world: World) -> None:
    jobs = [job() for _ in range(40)]
    hasty = await world.batcher(lease=SHORT)
    await world.admit(*jobs)
    for one in jobs:
        await hasty.drain(one.id, replace(LIMITS, max_batch_size=1), staged=True, suspects=False)
    await world.pass_time(2 * SHORT)

    await hasty.reclaim()

    assert (await hasty.depth()).jobs == 40


async def test_a_beat_extends_the_lease(world: World) -> None:
    waiting = job()
    batcher = await world.batcher(lease=SHORT)
    await world.admit(waiting)
    await batcher.drain("1", LIMITS, staged=True, suspects=False)

    pulse = world.heart().beat(presence(), {"1": [waiting.id]})

    await world.pass_time(2 * SHORT)
    await batcher.reclaim()
    assert (pulse.lost, (await batcher.depth()).jobs) == (frozenset(), 0)


async def test_a_beat_extends_only_the_leases_that_it_names(world: World) -> None:
    first, second = job(), job()
    batcher = await world.batcher(lease=SHORT)
    await world.admit(first, second)
    await batcher.drain("1", replace(LIMITS, max_batch_size=1), staged=True, suspects=False)
    await batcher.drain("2", LIMITS, staged=True, suspects=False)

    world.heart().beat(presence(), {"1": [first.id]})

    await world.pass_time(2 * SHORT)
    await batcher.reclaim()
    assert ids(await batcher.drain("3", LIMITS, staged=False, suspects=False)) == [second.id]


async def test_a_beat_tells_which_leases_are_lost(world: World) -> None:
    batcher, other = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(job())
    await batcher.drain("1", LIMITS, staged=True, suspects=False)
    await world.pass_time(2 * SHORT)
    await other.reclaim()
    await world.admit(job())
    await other.drain("2", LIMITS, staged=False, suspects=False)

    assert world.heart().beat(presence(), {"1": [], "2": []}).lost == {"1"}


@pytest.mark.parametrize("staged", [True, False])
async def test_released_jobs_return_to_the_head_in_order_with_their_attempts(world: World, staged: bool) -> None:
    released, later = [job() for _ in range(3)], job()
    batcher = await world.batcher()
    await world.admit(*released)
    before = await batcher.drain("1", LIMITS, staged=staged, suspects=False)
    await world.admit(later)

    await batcher.release("1")

    claim = await batcher.drain("2", LIMITS, staged=False, suspects=True)
    assert list(claim.jobs[:3]) == list(before.jobs)
    assert ids(claim.jobs[3:]) == [later.id]


async def test_released_jobs_return_to_their_own_lane(world: World) -> None:
    interactive, bulk, later = job(), job(), job()
    batcher = await world.batcher()
    await world.admit(interactive)
    await world.admit(bulk, lane=Lane.BULK)
    await batcher.drain("1", LIMITS, staged=True, suspects=False)
    await world.admit(later)

    await batcher.release("1")

    claim = await batcher.drain("2", LIMITS, staged=False, suspects=True)
    assert ids(claim) == ids([interactive, later, bulk])


async def test_a_released_batch_has_no_lease(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job())
    await batcher.drain("1", LIMITS, staged=True, suspects=False)

    await batcher.release("1")

    assert world.heart().beat(presence(), {"1": []}).lost == {"1"}


async def test_releasing_again_is_harmless(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job(cost=3))
    await batcher.drain("1", LIMITS, staged=True, suspects=False)

    for _ in range(2):
        await batcher.release("1")

    depth = await batcher.depth()
    assert (depth.jobs, depth.tokens) == (1, 3)
