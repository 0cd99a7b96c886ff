"""FINISH and REPLY: every result reaches the front end that waits for it, whatever happened to its lease."""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import replace

import pytest

from broker.messages import Finish, Result, Timing
from tests.contract.worlds import FRONT_END, LIMITS, SHORT, World, ids, job, presence, results

pytestmark = pytest.mark.anyio
OTHER = "e" * 16


async def test_a_result_reaches_the_front_end_that_waits_for_it(world: World) -> None:
    mine, theirs = job(front_end=FRONT_END), job(front_end=OTHER)
    batcher = await world.batcher()
    await world.admit(mine, theirs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.finish([Finish(batch="1", results=results(mine, theirs), done=True)], starts=None)

    assert ids(await world.outcomes(FRONT_END)) == [mine.id]
    assert ids(await world.outcomes(OTHER)) == [theirs.id]


async def test_a_result_arrives_as_it_was_given(world: World) -> None:
    waiting = job()
    timing = Timing(queue=0.25, window=0.005, compute=1.5, batch_size=7)
    given = Result(job_id=waiting.id, output={"vector": array("f", [0.5, -1.0]), "n": 3}, timing=timing)
    batcher = await world.batcher()
    await world.admit(waiting)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.finish([Finish(batch="1", results=[given], done=True)], starts=None)

    assert await world.outcomes() == [given]


async def test_the_results_of_one_finish_travel_in_one_frame(world: World) -> None:
    jobs = [job() for _ in range(3)]
    batcher, front_end = await world.batcher(), await world.front_end()
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.finish([Finish(batch="1", results=results(*jobs), done=True)], starts=None)

    frames = await front_end.receive(0, 0.0)
    assert (frames.count, ids(frames.outcomes), frames.more) == (1, ids(jobs), False)


async def test_the_results_of_several_batches_travel_in_one_frame(world: World) -> None:
    one, two = job(), job()
    batcher, front_end = await world.batcher(), await world.front_end()
    await world.admit(one, two)
    for batch in "12":
        await batcher.drain(batch, replace(LIMITS, max_batch_size=1), staged=False, suspects=False)

    ended = [Finish(batch="1", results=results(one), done=True), Finish(batch="2", results=results(two), done=True)]
    await batcher.finish(ended, starts=None)

    frames = await front_end.receive(0, 0.0)
    assert (frames.count, ids(frames.outcomes)) == (1, [one.id, two.id])
    assert world.heart().beat(presence(), {"1": [], "2": []}).lost == {"1", "2"}


async def test_of_batches_that_are_finished_together_only_those_that_are_done_lose_their_leases(world: World) -> None:
    jobs = [job() for _ in range(3)]
    batcher = await world.batcher()
    await world.admit(*jobs)
    await batcher.drain("1", replace(LIMITS, max_batch_size=1), staged=False, suspects=False)
    await batcher.drain("2", LIMITS, staged=False, suspects=False)

    over, under_way = results(jobs[0]), results(jobs[1])
    ended = [Finish(batch="1", results=over, done=True), Finish(batch="2", results=under_way, done=False)]
    await batcher.finish(ended, starts=None)

    assert world.heart().beat(presence(), {"1": [], "2": []}).lost == {"1"}
    assert ids(await batcher.drain("2", LIMITS, staged=False, suspects=False)) == [jobs[2].id]


async def test_frames_that_were_not_named_as_handled_are_read_again(world: World) -> None:
    front_end = await world.front_end()
    await _answer(world, "1")
    first = await front_end.receive(0, 0.0)

    assert await front_end.receive(0, 0.0) == first


async def test_handled_frames_are_forgotten_and_the_others_stay(world: World) -> None:
    front_end = await world.front_end()
    for batch in "123":
        last = await _answer(world, batch)

    frames = await front_end.receive(2, 0.0)

    assert ids(frames.outcomes) == [last]


async def test_all_frames_handled_leaves_nothing(world: World) -> None:
    front_end = await world.front_end()
    await _answer(world, "1")

    assert (await front_end.receive(1, 0.0)).count == 0


async def test_frames_come_in_the_order_of_their_finish(world: World) -> None:
    answered = [await _answer(world, batch) for batch in "123"]

    assert ids(await world.outcomes()) == answered


async def test_a_blocked_receive_is_woken_by_a_result(world: World) -> None:
    front_end = await world.front_end()
    reader = asyncio.create_task(front_end.receive(0, 2.0))
    await asyncio.sleep(0)

    answered = await _answer(world, "1")

    assert ids((await asyncio.wait_for(reader, 1.0)).outcomes) == [answered]


async def test_a_receive_without_outcomes_ends_with_its_wait(world: World) -> None:
    front_end = await world.front_end()

    frames = await front_end.receive(0, 0.02)

    assert (frames.count, list(frames.outcomes), frames.more) == (0, [], False)


async def test_more_frames_than_one_reading_takes_are_announced(world: World) -> None:
    front_end = await world.front_end()
    answered = [await _answer(world, f"b{number}") for number in range(300)]

    readings = [await front_end.receive(0, 0.0)]
    while readings[-1].more:
        readings.append(await front_end.receive(readings[-1].count, 0.0))

    assert 2 <= len(readings) <= 9
    assert [one for reading in readings for one in ids(reading.outcomes)] == answered


async def test_done_drops_the_lease(world: World) -> None:
    await _answer(world, "1")

    assert world.heart().beat(presence(), {"1": []}).lost == {"1"}


async def test_a_finished_job_is_never_reclaimed(world: World) -> None:
    jobs = [job() for _ in range(3)]
    batcher = await world.batcher(lease=SHORT)
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.finish([Finish(batch="1", results=results(jobs[1]), done=False)], starts=None)

    await world.pass_time(2 * SHORT)
    await batcher.reclaim()
    claim = await batcher.drain("2", LIMITS, staged=False, suspects=True)
    assert ids(claim) == [jobs[0].id, jobs[2].id]


async def test_an_unfinished_batch_is_asked_for_again_without_its_finished_jobs(world: World) -> None:
    jobs = [job() for _ in range(3)]
    batcher = await world.batcher()
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.finish([Finish(batch="1", results=results(jobs[0]), done=False)], starts=None)

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == ids(jobs[1:])


async def test_a_late_result_is_published_though_its_lease_is_gone(world: World) -> None:
    waiting = job()
    slow, other = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(waiting)
    await slow.drain("1", LIMITS, staged=False, suspects=False)
    await world.pass_time(2 * SHORT)
    await other.reclaim()

    await slow.finish([Finish(batch="1", results=results(waiting), done=True)], starts=None)

    assert ids(await world.outcomes()) == [waiting.id]


async def test_a_late_finish_takes_no_job_from_the_batcher_that_has_it_now(world: World) -> None:
    waiting = job()
    slow, other = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(waiting)
    await slow.drain("1", LIMITS, staged=True, suspects=False)
    await world.pass_time(2 * SHORT)
    await other.reclaim()
    await other.drain("2", LIMITS, staged=False, suspects=False)

    await slow.finish([Finish(batch="1", results=results(waiting), done=True)], starts=None)

    assert world.heart().beat(presence(), {"2": [waiting.id]}).lost == frozenset()


async def test_finishing_again_is_harmless(world: World) -> None:
    waiting, next_up = job(), job()
    batcher = await world.batcher()
    await world.admit(waiting, next_up)
    await batcher.drain("1", replace(LIMITS, max_batch_size=1), staged=False, suspects=False)
    await batcher.drain("2", LIMITS, staged=True, suspects=False)

    for _ in range(2):
        await batcher.finish([Finish(batch="1", results=results(waiting), done=True)], starts="2")

    assert set(ids(await world.outcomes())) == {waiting.id}
    assert world.heart().beat(presence(), {"2": [next_up.id]}).lost == frozenset()


async def test_a_finish_without_results_publishes_nothing(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job())
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.finish([Finish(batch="1", done=True)], starts=None)

    assert await world.outcomes() == []


async def _answer(world: World, batch: str) -> str:
    """One job all the way; returns its id."""
    waiting = job()
    batcher = await world.batcher()
    await world.admit(waiting)
    await batcher.drain(batch, LIMITS, staged=False, suspects=False)
    await batcher.finish([Finish(batch=batch, results=results(waiting), done=True)], starts=None)
    return waiting.id
