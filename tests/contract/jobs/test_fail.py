"""FAIL: fenced by the lease, so that a late failure changes nothing."""

from __future__ import annotations

import pytest

from broker.messages import Failure, FailureCode, Finish, Job
from tests.contract.worlds import LIMITS, SHORT, World, ids, job, results

pytestmark = pytest.mark.anyio


def failure(of: Job) -> Failure:
    return Failure(job_id=of.id, code=FailureCode.MODEL_ERROR, message="the model could not compute this input")


async def test_a_failure_reaches_the_front_end_that_waits_for_it(world: World) -> None:
    mine, theirs = job(), job(front_end="e" * 16)
    batcher = await world.batcher()
    await world.admit(mine, theirs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.fail("1", [failure(mine), failure(theirs)])

    assert await world.outcomes() == [failure(mine)]
    assert await world.outcomes("e" * 16) == [failure(theirs)]


async def test_a_failed_job_is_never_reclaimed(world: World) -> None:
    failing, healthy = job(), job()
    batcher = await world.batcher(lease=SHORT)
    await world.admit(failing, healthy)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.fail("1", [failure(failing)])

    await world.pass_time(2 * SHORT)
    await batcher.reclaim()
    assert ids(await batcher.drain("2", LIMITS, staged=False, suspects=True)) == [healthy.id]


async def test_a_job_fails_once(world: World) -> None:
    waiting = job()
    batcher = await world.batcher()
    await world.admit(waiting, job())
    await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await batcher.fail("1", [failure(waiting)])

    await batcher.fail("1", [failure(waiting)])

    assert ids(await world.outcomes()) == [waiting.id]


async def test_a_failure_of_a_job_that_was_never_in_the_batch_is_not_published(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job())
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.fail("1", [failure(job())])

    assert await world.outcomes() == []


async def test_a_late_failure_changes_nothing(world: World) -> None:
    waiting = job()
    slow, other = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(waiting)
    await slow.drain("1", LIMITS, staged=False, suspects=False)
    await world.pass_time(2 * SHORT)
    await other.reclaim()

    await slow.fail("1", [failure(waiting)])

    assert await world.outcomes() == []
    assert ids(await other.drain("2", LIMITS, staged=False, suspects=True)) == [waiting.id]


async def test_a_late_failure_does_not_silence_the_second_run_by_the_same_batcher(world: World) -> None:
    waiting = job()
    batcher = await world.batcher(lease=SHORT)
    await world.admit(waiting)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await world.pass_time(2 * SHORT)
    await batcher.reclaim()
    await batcher.drain("2", LIMITS, staged=False, suspects=True)

    await batcher.fail("1", [failure(waiting)])
    await batcher.finish([Finish(batch="2", results=results(waiting), done=True)], starts=None)

    assert await world.outcomes() == results(waiting)


async def test_a_late_failure_spares_the_job_in_the_hands_of_another_batcher(world: World) -> None:
    waiting = job()
    slow, other = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(waiting)
    await slow.drain("1", LIMITS, staged=False, suspects=False)
    await world.pass_time(2 * SHORT)
    await other.reclaim()
    await other.drain("2", LIMITS, staged=False, suspects=True)

    await slow.fail("1", [failure(waiting)])

    assert await world.outcomes() == []
