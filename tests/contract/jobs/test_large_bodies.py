"""Bodies above 16 KiB: the same promises as for small ones."""

from __future__ import annotations

import pytest

from broker.messages import Failure, FailureCode, Finish, Job
from tests.contract.worlds import LIMITS, SHORT, World, cancel, ids, job, request, results

pytestmark = pytest.mark.anyio
SIZE = 100_000


def large(byte: bytes = b"x", **fields: object) -> Job:
    return job(input=byte * SIZE, **fields)


def inputs(jobs: list[Job]) -> list[bytes]:
    return [one.input for one in jobs]


async def test_a_large_body_arrives_as_it_was_between_small_ones(world: World) -> None:
    jobs = [job(), large(b"\x00", meta={"traceparent": "00-ab"}), job(), large(b"\xff")]
    batcher = await world.batcher()
    await world.admit(*jobs)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)

    found = [(one.id, one.input, dict(one.meta)) for one in claim.jobs]
    assert found == [(one.id, one.input, dict(one.meta)) for one in jobs]


async def test_a_claim_of_large_bodies_that_is_asked_for_again_has_them_again(world: World) -> None:
    jobs = [large(), large(b"y")]
    batcher = await world.batcher()
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    again = await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert (ids(again), inputs(again.jobs), again.closed_by) == (ids(jobs), inputs(jobs), "again")


async def test_large_bodies_come_back_with_a_batch_that_is_released(world: World) -> None:
    one = large()
    batcher = await world.batcher()
    await world.admit(one)
    await batcher.drain("1", LIMITS, staged=True, suspects=False)

    await batcher.release("1")

    assert inputs((await batcher.drain("2", LIMITS, staged=False, suspects=False)).jobs) == [one.input]


async def test_large_bodies_come_back_as_suspects_and_as_what_had_not_started(world: World) -> None:
    started, staged = large(b"s"), large(b"t")
    hasty, batcher = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(started)
    await hasty.drain("1", LIMITS, staged=False, suspects=False)
    await world.admit(staged)
    await hasty.drain("2", LIMITS, staged=True, suspects=False)
    await world.pass_time(2 * SHORT)

    await batcher.reclaim()

    fresh = await batcher.drain("3", LIMITS, staged=False, suspects=False)
    suspects = await batcher.drain("4", LIMITS, staged=False, suspects=True)
    assert (inputs(fresh.jobs), inputs(suspects.jobs)) == ([staged.input], [started.input])


async def test_a_large_body_that_crashes_three_batches_is_set_aside(world: World) -> None:
    poison = large(meta={"request_id": "mine"})
    await world.admit(poison)

    dead = [await world.crash(batch) for batch in "123"]

    assert [[letter.job_id for letter in letters] for letters in dead] == [[], [], [poison.id]]
    assert dict(dead[2][0].meta) == {"request_id": "mine"}
    assert [outcome.code for outcome in await world.outcomes()] == [FailureCode.POISON]


async def test_a_large_job_that_is_cancelled_is_claimed_by_nobody(world: World) -> None:
    gone, wanted = large(), large(b"y")
    batcher = await world.batcher()
    await world.admit(gone)
    await world.admit(wanted)

    await world.cancel(gone)

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == [wanted.id]


async def test_a_large_job_that_is_cancelled_with_the_next_admission_is_claimed_by_nobody(world: World) -> None:
    front_end, batcher = await world.front_end(), await world.batcher()
    gone, wanted = large(), large(b"y")
    await front_end.admit(1, [request(gone)], {})

    await front_end.admit(2, [request(wanted)], [cancel(gone)])

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == [wanted.id]


async def test_a_large_job_under_way_ends_once_by_a_result_or_a_failure(world: World) -> None:
    good, bad = large(), large(b"y")
    batcher = await world.batcher()
    await world.admit(good, bad)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.fail("1", [Failure(job_id=bad.id, code=FailureCode.MODEL_ERROR, message="no")])
    await batcher.finish([Finish(batch="1", results=results(good), done=True)], starts=None)

    assert ids(await world.outcomes()) == [bad.id, good.id]
    assert not (await batcher.drain("2", LIMITS, staged=False, suspects=True)).jobs


async def test_a_late_failure_takes_no_body_from_those_who_compute_it_again(world: World) -> None:
    one = large()
    slow, batcher = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(one)
    await slow.drain("1", LIMITS, staged=True, suspects=False)
    await world.pass_time(2 * SHORT)
    await batcher.reclaim()

    await slow.fail("1", [Failure(job_id=one.id, code=FailureCode.MODEL_ERROR, message="no")])

    assert inputs((await batcher.drain("2", LIMITS, staged=False, suspects=False)).jobs) == [one.input]


async def test_a_late_result_that_reaches_nobody_takes_no_body_either(world: World) -> None:
    failed, good = large(), large(b"y")
    slow, batcher = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(failed, good)
    await slow.drain("1", LIMITS, staged=True, suspects=False)
    await world.pass_time(2 * SHORT)
    await batcher.reclaim()
    await slow.fail("1", [Failure(job_id=failed.id, code=FailureCode.MODEL_ERROR, message="no")])

    await slow.finish([Finish(batch="1", results=results(failed, good), done=True)], starts=None)

    assert ids(await world.outcomes()) == [good.id]
    assert inputs((await batcher.drain("2", LIMITS, staged=False, suspects=False)).jobs) == [failed.input]


async def test_a_claim_that_is_asked_for_again_is_without_large_jobs_that_were_cancelled(world: World) -> None:
    front_end, batcher = await world.front_end(), await world.batcher()
    gone, wanted = large(), large(b"y")
    await front_end.admit(1, [request(gone), request(wanted)], [])
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await front_end.admit(2, [], [cancel(gone)])

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == [wanted.id]


async def test_the_same_sequence_again_queues_large_bodies_once(world: World) -> None:
    front_end, batcher = await world.front_end(), await world.batcher()
    asked = [request(large(), large(b"y"))]
    first = await front_end.admit(7, asked, {})
    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await batcher.finish([Finish(batch="1", results=results(*claim.jobs), done=True)], starts=None)

    again = await front_end.admit(7, asked, {})

    assert (again, len(claim.jobs)) == (first, 2)
    assert (await batcher.depth()).jobs == 0


async def test_large_jobs_are_brought_again_to_a_broker_that_came_back_empty(world: World) -> None:
    front_end, batcher = await world.front_end(), await world.batcher()
    one = large()
    await front_end.admit(1, [request(one)], {})
    world.lose_everything()

    await front_end.admit(2, [request(one)], {})

    assert inputs((await batcher.drain("1", LIMITS, staged=False, suspects=False)).jobs) == [one.input]


async def test_a_batch_holds_as_many_large_bodies_as_it_has_room_for_in_bytes(world: World) -> None:
    jobs = [large() for _ in range(64)]
    batcher = await world.batcher()
    await world.admit(*jobs)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert (len(claim.jobs), claim.closed_by) == (64, "size")
