"""Bodies above 16 KiB: the same promises as for small ones, and lanes that are bounded in bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.messages import Failure, FailureCode, Finish, Job, Lane, Verdict
from tests.contract.worlds import LIMITS, MODEL, SHORT, World, cancel, ids, job, request, results

pytestmark = pytest.mark.anyio
SIZE = 100_000
THREE = 3 * SIZE + 1_000  # bytes: three of them fit
REFUSED = FailureCode.CONTENDED


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
    poison = large()
    await world.admit(poison)

    dead = [await world.crash(batch) for batch in "123"]

    assert [[letter.job_id for letter in letters] for letters in dead] == [[], [], [poison.id]]
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


# Bytes of a lane


async def test_bytes_are_bounded_like_tokens(world: World) -> None:
    front_end = await world.front_end(max_queue_bytes=THREE)

    verdicts = await front_end.admit(1, [request(large(), large()), request(large(), large()), request(large())], {})

    assert verdicts == [Verdict(waiting=2), Verdict(refusal=REFUSED, waiting=2), Verdict(waiting=3)]


async def test_small_jobs_count_with_their_bytes_too(world: World) -> None:
    front_end = await world.front_end(max_queue_bytes=2_000)
    small = [request(job(input=b"x" * 500)) for _ in range(4)]

    verdicts = await front_end.admit(1, small, {})

    assert [verdict.refusal for verdict in verdicts] == [None, None, None, REFUSED]


async def test_an_empty_lane_takes_any_number_of_bytes(world: World) -> None:
    front_end = await world.front_end(max_queue_bytes=1)

    verdicts = await front_end.admit(1, [request(large()), request(large()), request(large(), lane=Lane.BULK)], {})

    assert [verdict.refusal for verdict in verdicts] == [None, REFUSED, None]


async def test_claimed_bytes_make_room_again_and_released_ones_take_it(world: World) -> None:
    front_end, batcher = await world.front_end(max_queue_bytes=THREE), await world.batcher()
    await front_end.admit(1, [request(large(), large(), large())], {})
    await batcher.drain("1", replace(LIMITS, max_batch_size=2), staged=True, suspects=False)

    [with_room] = await front_end.admit(2, [request(large())], {})
    await batcher.release("1")
    [without] = await front_end.admit(3, [request(job())], {})

    assert (with_room.refusal, without.refusal) == (None, REFUSED)


async def test_reclaimed_bytes_take_their_room_again(world: World) -> None:
    front_end, hasty = await world.front_end(max_queue_bytes=THREE), await world.batcher(lease=SHORT)
    await front_end.admit(1, [request(large(), large(), large())], {})
    await hasty.drain("1", replace(LIMITS, max_batch_size=2), staged=True, suspects=False)
    await world.pass_time(2 * SHORT)

    await hasty.reclaim()

    assert [verdict.refusal for verdict in await front_end.admit(2, [request(large())], {})] == [REFUSED]


async def test_expired_and_cancelled_bytes_make_room_when_they_are_passed_over(world: World) -> None:
    front_end, batcher = await world.front_end(max_queue_bytes=THREE), await world.batcher()
    expired, cancelled, wanted = large(), large(), large()
    await front_end.admit(1, [request(expired, time_left=SHORT), request(cancelled), request(wanted)], [])
    await front_end.admit(2, [], [cancel(cancelled, model=MODEL)])
    await world.pass_time(2 * SHORT)

    claim = await batcher.drain("1", replace(LIMITS, max_batch_size=1), staged=False, suspects=False)

    verdicts = await front_end.admit(3, [request(large(), large(), large()), request(large())], {})
    assert ids(claim) == [wanted.id]
    assert [verdict.refusal for verdict in verdicts] == [None, REFUSED]


async def test_a_batch_holds_as_many_large_bodies_as_it_has_room_for_in_bytes(world: World) -> None:
    jobs = [large() for _ in range(64)]
    batcher = await world.batcher()
    await world.admit(*jobs)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert (len(claim.jobs), claim.closed_by) == (64, "size")
