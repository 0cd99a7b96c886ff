"""CANCEL: nobody computes what nobody waits for, and a mark fades by itself."""

from __future__ import annotations

import pytest

from tests.contract.worlds import LIMITS, SHORT, World, ids, job, presence, request

pytestmark = pytest.mark.anyio


async def test_a_cancelled_job_is_never_claimed(world: World) -> None:
    cancelled, wanted = job(), job()
    batcher = await world.batcher()
    await world.admit(cancelled, wanted)

    await world.cancel(cancelled)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=True)
    assert (ids(claim), claim.left) == ([wanted.id], 0)


async def test_cancels_travel_with_admissions(world: World) -> None:
    cancelled, wanted = job(), job()
    front_end, batcher = await world.front_end(), await world.batcher()
    await front_end.admit(1, [request(cancelled)], {})

    verdicts = await front_end.admit(2, [request(wanted)], {cancelled.id: 1.0})

    assert [verdict.refusal for verdict in verdicts] == [None]
    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=True)) == [wanted.id]


async def test_a_job_cancelled_before_it_is_admitted_is_never_claimed(world: World) -> None:
    cancelled = job()
    batcher = await world.batcher()
    await world.cancel(cancelled)

    await world.admit(cancelled)

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=True)) == []


async def test_a_cancelled_suspect_is_dropped(world: World) -> None:
    cancelled, wanted = job(), job()
    batcher = await world.batcher()
    await world.admit(cancelled, wanted)
    await world.crash("1")

    await world.cancel(cancelled)

    assert ids(await batcher.drain("2", LIMITS, staged=False, suspects=True)) == [wanted.id]


async def test_the_tokens_of_a_cancelled_job_leave_with_it(world: World) -> None:
    cancelled = job(cost=5)
    batcher = await world.batcher()
    await world.admit(cancelled, job(cost=3))
    await world.cancel(cancelled)

    await batcher.drain("1", LIMITS, staged=False, suspects=True)

    assert (await batcher.depth()).tokens == 0


async def test_a_mark_fades(world: World) -> None:
    waiting = job()
    batcher = await world.batcher()
    await world.admit(waiting)

    await world.cancel(waiting, remember=SHORT)

    await world.pass_time(2 * SHORT)
    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=True)) == [waiting.id]


async def test_a_beat_tells_which_live_jobs_were_cancelled(world: World) -> None:
    jobs = [job() for _ in range(4)]
    batcher = await world.batcher()
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await world.cancel(jobs[1], jobs[3])

    pulse = world.heart().beat(presence(), {"1": [one.id for one in jobs[:3]]})

    assert pulse.cancelled == {jobs[1].id}


async def test_a_beat_looks_at_the_jobs_of_every_batch(world: World) -> None:
    first, second = job(), job()
    await world.cancel(first, second)

    pulse = world.heart().beat(presence(), {"1": [first.id], "2": [second.id]})

    assert pulse.cancelled == {first.id, second.id}
