"""Guilt is individual: jobs of a crashed batch run again together, then alone, and only the third crash ends one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.messages import DeadLetter, FailureCode, Finish, Lane
from tests.contract.worlds import LIMITS, MODEL, SHORT, World, ids, job, results

pytestmark = pytest.mark.anyio


async def test_jobs_of_a_crashed_batch_have_one_attempt_more(world: World) -> None:
    jobs = [job() for _ in range(3)]
    batcher = await world.batcher()
    await world.admit(*jobs)

    dead = await world.crash("1")

    claim = await batcher.drain("2", LIMITS, staged=False, suspects=True)
    assert (dead, [one.attempts for one in claim.jobs]) == ([], [1, 1, 1])


async def test_after_one_crash_they_run_once_more_together(world: World) -> None:
    jobs = [job() for _ in range(3)]
    batcher = await world.batcher()
    await world.admit(*jobs)
    await world.crash("1")

    claim = await batcher.drain("2", LIMITS, staged=False, suspects=True)

    assert (sorted(ids(claim)), claim.closed_by, claim.left) == (sorted(ids(jobs)), "suspects", 0)


async def test_suspects_never_share_a_batch_with_the_others(world: World) -> None:
    suspect, innocent = job(), job()
    batcher = await world.batcher()
    await world.admit(suspect)
    await world.crash("1")
    await world.admit(innocent)

    first = await batcher.drain("2", LIMITS, staged=False, suspects=True)
    second = await batcher.drain("3", LIMITS, staged=False, suspects=True)

    assert (ids(first), ids(second)) == ([suspect.id], [innocent.id])


async def test_suspects_wait_their_turn_while_others_wait(world: World) -> None:
    suspect, innocent = job(), job()
    batcher = await world.batcher()
    await world.admit(suspect)
    await world.crash("1")
    await world.admit(innocent, lane=Lane.BULK)

    claim = await batcher.drain("2", LIMITS, staged=False, suspects=False)

    assert (ids(claim), claim.left) == ([innocent.id], 1)


async def test_suspects_go_out_of_turn_when_nothing_else_waits(world: World) -> None:
    suspect = job()
    batcher = await world.batcher()
    await world.admit(suspect)
    await world.crash("1")

    claim = await batcher.drain("2", LIMITS, staged=False, suspects=False)

    assert (ids(claim), claim.closed_by) == ([suspect.id], "suspects")


async def test_suspects_keep_to_the_largest_batch(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(*[job() for _ in range(5)])
    await world.crash("1")

    claim = await batcher.drain("2", replace(LIMITS, max_batch_size=3), staged=False, suspects=True)

    assert (len(claim.jobs), claim.left) == (3, 2)


async def test_suspects_keep_to_the_token_budget(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(*[job(cost=40) for _ in range(3)])
    await world.crash("1")

    claim = await batcher.drain("2", replace(LIMITS, max_batch_tokens=80), staged=False, suspects=True)

    assert (len(claim.jobs), claim.left) == (2, 1)


async def test_after_two_crashes_each_runs_alone(world: World) -> None:
    jobs = [job() for _ in range(3)]
    batcher = await world.batcher()
    await world.admit(*jobs)
    await world.crash("1")
    await world.crash("2")

    claims = [await batcher.drain(f"alone {turn}", LIMITS, staged=False, suspects=True) for turn in range(3)]

    assert [len(claim.jobs) for claim in claims] == [1, 1, 1]
    assert sorted(id for claim in claims for id in ids(claim)) == sorted(ids(jobs))


async def test_those_with_two_crashes_do_not_join_those_with_one(world: World) -> None:
    twice, once = job(), job()
    batcher = await world.batcher()
    await world.admit(twice)
    await world.crash("1")
    await world.admit(once)
    await world.crash("2", suspects=False)
    await world.crash("3", replace(LIMITS, max_batch_size=1))

    first = await batcher.drain("4", LIMITS, staged=False, suspects=True)
    second = await batcher.drain("5", LIMITS, staged=False, suspects=True)

    assert [ids(first), ids(second)] == [[once.id], [twice.id]]


async def test_the_third_crash_sets_one_job_aside(world: World) -> None:
    poison = job(meta={"request_id": "mine"})
    await world.admit(poison)
    await world.crash("1")
    await world.crash("2")

    dead = await world.crash("3")

    assert dead == [DeadLetter(job_id=poison.id, model=MODEL)]
    assert [dict(letter.meta) for letter in dead] == [{"request_id": "mine"}]
    assert (await (await world.batcher()).depth()).jobs == 0


async def test_the_caller_of_a_dead_letter_is_told(world: World) -> None:
    poison = job()
    await world.admit(poison)

    for batch in "123":
        await world.crash(batch)

    [outcome] = await world.outcomes()
    assert (outcome.job_id, outcome.code) == (poison.id, FailureCode.POISON)


async def test_a_dead_letter_is_told_to_its_own_front_end(world: World) -> None:
    poison = job(front_end="e" * 16)
    await world.admit(poison)

    for batch in "123":
        await world.crash(batch)

    assert (ids(await world.outcomes("e" * 16)), ids(await world.outcomes())) == ([poison.id], [])


async def test_a_dead_letter_takes_none_of_its_batch_mates_along(world: World) -> None:
    jobs = [job() for _ in range(4)]
    poison = jobs[0]
    batcher = await world.batcher(lease=SHORT)
    await world.admit(*jobs)
    dead = []

    for turn in range(12):
        claim = await batcher.drain(str(turn), LIMITS, staged=False, suspects=True)
        if poison.id in ids(claim):
            await world.pass_time(2 * SHORT)
            dead += await batcher.reclaim()
        else:
            await batcher.finish([Finish(batch=str(turn), results=results(*claim.jobs), done=True)], starts=None)

    assert dead == [DeadLetter(job_id=poison.id, model=MODEL)]
    assert sorted(ids(await world.outcomes())) == sorted(ids(jobs))


@pytest.mark.parametrize("how", ["start", "finish"])
async def test_a_staged_batch_counts_as_started_from_then_on(world: World, how: str) -> None:
    batcher = await world.batcher(lease=SHORT)
    await world.admit(job())
    await batcher.drain("1", LIMITS, staged=True, suspects=False)

    if how == "start":
        await batcher.start("1")
    else:
        await batcher.finish([Finish(batch="0", done=True)], starts="1")

    await world.pass_time(2 * SHORT)
    await batcher.reclaim()
    claim = await batcher.drain("2", LIMITS, staged=False, suspects=True)
    assert [one.attempts for one in claim.jobs] == [1]


async def test_starting_a_batch_that_is_gone_changes_nothing(world: World) -> None:
    batcher = await world.batcher()

    await batcher.start("1")

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=True)) == []


@pytest.mark.parametrize("how", ["release", "reclaim"])
async def test_a_suspect_that_did_not_start_stays_a_suspect(world: World, how: str) -> None:
    suspect, innocent = job(), job()
    batcher = await world.batcher(lease=SHORT)
    await world.admit(suspect)
    await world.crash("1")
    await batcher.drain("2", LIMITS, staged=True, suspects=True)
    await world.admit(innocent)

    if how == "release":
        await batcher.release("2")
    else:
        await world.pass_time(2 * SHORT)
        await batcher.reclaim()

    claim = await batcher.drain("3", LIMITS, staged=False, suspects=True)
    assert [(one.id, one.attempts) for one in claim.jobs] == [(suspect.id, 1)]


async def test_an_expired_suspect_is_dropped(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job(), time_left=1.5 * SHORT)
    await world.crash("1")

    claim = await batcher.drain("2", LIMITS, staged=False, suspects=True)

    assert (ids(claim), claim.left) == ([], 0)


async def test_suspects_count_as_waiting(world: World) -> None:
    batcher = await world.batcher()
    await world.admit(job(), job())

    await world.crash("1")

    assert (await batcher.depth()).jobs == 2


async def test_suspects_are_never_staged(world: World) -> None:
    batcher = await world.batcher(lease=SHORT)
    await world.admit(job())
    await batcher.drain("b1:1", LIMITS, staged=False, suspects=False)
    await world.pass_time(2 * SHORT)
    await batcher.reclaim()

    claim = await batcher.drain("b1:2", LIMITS, staged=True, suspects=True)

    assert (ids(claim), claim.suspects) == ([], 1)
