"""ADMIT by expected wait: a request with too many jobs before it is refused, one that finds none is always taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from broker.messages import AdmitRequest, Failure, FailureCode, Finish, Job, Lane, Limits, Verdict
from tests.contract.worlds import LIMITS, SHORT, World, job, presence, request, results

pytestmark = pytest.mark.anyio
BULK, INTERACTIVE = Lane.BULK, Lane.INTERACTIVE
TOO_LATE = FailureCode.CONTENDED


async def fill(world: World, interactive: int = 0, bulk: int = 0) -> None:
    if interactive:
        await world.admit(*[job() for _ in range(interactive)])
    if bulk:
        await world.admit(*[job() for _ in range(bulk)], lane=BULK)


async def asked(world: World, *requests: AdmitRequest, sequence: int = 1_000) -> list[Verdict]:
    return await (await world.front_end()).admit(sequence, requests, {})


async def begin_batches(world: World, count: int) -> None:
    """So many batches of one job each are under way."""
    await fill(world, interactive=count)
    batcher = await world.batcher()
    for number in range(count):
        await batcher.drain(f"{number}", Limits(max_batch_size=1), staged=False, suspects=False)


@pytest.mark.parametrize(
    ("waiting", "lane", "ahead"),
    [
        pytest.param({"interactive": 9}, INTERACTIVE, 9, id="its own lane is before it"),
        pytest.param({"interactive": 14, "bulk": 9}, INTERACTIVE, 16, id="and a seventh of that for bulk"),
        pytest.param({"interactive": 14, "bulk": 1}, INTERACTIVE, 15, id="or less, where there is less"),
        pytest.param({"interactive": 4, "bulk": 9}, BULK, 13, id="both lanes are before bulk"),
        pytest.param({"interactive": 90, "bulk": 3}, BULK, 31, id="but not all of a flood, for bulk has its eighth"),
        pytest.param({"interactive": 8, "bulk": 30}, BULK, 247, id="and no more than that, as more will come"),
    ],
)
async def test_a_request_is_refused_when_more_jobs_are_before_it_than_it_can_wait_for(
    world: World, waiting: dict[str, int], lane: Lane, ahead: int
) -> None:
    await fill(world, **waiting)

    late, in_time = await asked(
        world,
        request(job(), lane=lane, most_ahead=ahead - 1, room=8),
        request(job(), lane=lane, most_ahead=ahead, room=8),
    )

    assert (late, in_time.refusal) == (Verdict(refusal=TOO_LATE, ahead=ahead), None)


@pytest.mark.parametrize(
    ("waiting", "lane"),
    [
        pytest.param({}, INTERACTIVE, id="in an empty queue"),
        pytest.param({"bulk": 6}, INTERACTIVE, id="beside bulk alone"),
    ],
)
async def test_a_request_with_no_job_before_it_is_always_admitted(
    world: World, waiting: dict[str, int], lane: Lane
) -> None:
    await fill(world, **waiting)

    [verdict] = await asked(world, request(job(), lane=lane, most_ahead=-5))

    assert verdict.refusal is None


async def test_a_request_whose_wait_nobody_knows_is_admitted(world: World) -> None:
    await fill(world, interactive=500)

    [verdict] = await asked(world, request(job(), most_ahead=None))

    assert verdict.refusal is None


@pytest.mark.parametrize("waiting", [0, 1])
async def test_jobs_in_batches_under_way_are_before_it(world: World, waiting: int) -> None:
    await begin_batches(world, 2)
    await fill(world, interactive=waiting)

    late, in_time = await asked(world, request(job(), most_ahead=1 + waiting), request(job(), most_ahead=2 + waiting))

    assert (late, in_time.refusal) == (Verdict(refusal=TOO_LATE, ahead=2 + waiting), None)


async def test_a_staged_batch_counts_for_its_jobs_alone(world: World) -> None:
    await fill(world, interactive=3)
    await (await world.batcher()).drain("1", LIMITS, staged=True, suspects=False)

    late, in_time = await asked(world, request(job(), most_ahead=2), request(job(), most_ahead=3))

    assert (late, in_time.refusal) == (Verdict(refusal=TOO_LATE, ahead=3), None)


async def test_finished_batches_are_before_nobody(world: World) -> None:
    batcher = await world.batcher()
    await fill(world, interactive=1)
    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await batcher.finish([Finish(batch="1", results=results(*claim.jobs), done=True)], starts=None)
    await fill(world, interactive=1)

    [verdict] = await asked(world, request(job(), most_ahead=1, room=8))

    assert verdict.refusal is None


async def test_what_was_refused_is_before_nobody_and_what_was_admitted_is(world: World) -> None:
    await fill(world, interactive=5)

    verdicts = await asked(world, *[request(job(), job(), most_ahead=most) for most in (4, 5, 6, 7)])

    assert [verdict.ahead for verdict in verdicts] == [5, None, 7, None]


async def test_a_full_lane_is_what_a_request_is_told_first(world: World) -> None:
    front_end = await world.front_end(max_queue_jobs=5)
    await fill(world, interactive=5)

    [verdict] = await front_end.admit(1_000, [request(job(), most_ahead=0)], {})

    assert verdict == Verdict(refusal=TOO_LATE, waiting=5)


async def test_a_refusal_is_remembered_like_an_admission(world: World) -> None:
    await fill(world, interactive=5)
    wanted: list[Any] = [request(job(), most_ahead=4), request(job())]
    first = await asked(world, *wanted)
    await (await world.batcher()).drain("1", LIMITS, staged=False, suspects=False)

    assert await asked(world, *wanted) == first


# By tokens: where these bind, a batch holds fewer jobs than it has room for.


@pytest.mark.parametrize(
    ("waiting", "lane", "ahead"),
    [
        pytest.param({"interactive": [30, 20]}, INTERACTIVE, 50, id="its own lane is before it"),
        pytest.param({"interactive": [35, 35], "bulk": [90]}, INTERACTIVE, 80, id="and a seventh of that for bulk"),
        pytest.param({"interactive": [30], "bulk": [90]}, BULK, 120, id="both lanes are before bulk"),
        pytest.param({"interactive": [200], "bulk": [3]}, BULK, 31, id="but not all of a flood"),
    ],
)
async def test_a_request_is_refused_when_more_tokens_are_before_it_than_it_can_wait_for(
    world: World, waiting: dict[str, list[int]], lane: Lane, ahead: int
) -> None:
    for name, costs in waiting.items():
        await world.admit(*[job(cost=cost) for cost in costs], lane=Lane(name))

    late, in_time = await asked(
        world,
        request(job(), lane=lane, most_tokens_ahead=ahead - 1, room_tokens=100),
        request(job(), lane=lane, most_tokens_ahead=ahead, room_tokens=100),
    )

    assert (late.refusal, late.tokens_ahead, in_time.refusal) == (TOO_LATE, ahead, None)


async def test_a_request_with_no_job_before_it_is_admitted_however_many_tokens_it_has(world: World) -> None:
    [verdict] = await asked(world, request(job(cost=9_999), most_tokens_ahead=-1))

    assert verdict.refusal is None


async def under_way(world: World) -> tuple[int, int]:
    """Jobs and tokens that a request finds before it while nothing waits."""
    late = [
        *await asked(world, request(job(), most_ahead=0), sequence=world_sequence()),
        *await asked(world, request(job(), most_tokens_ahead=0), sequence=world_sequence()),
    ]
    for verdict in late:
        assert verdict.refusal is TOO_LATE, "nothing is under way"
    return late[0].ahead or 0, late[1].tokens_ahead or 0


_sequences = iter(range(2_000, 3_000))


def world_sequence() -> int:
    return next(_sequences)


async def claimed(world: World, batch: str, *costs: int) -> tuple[Any, Sequence[Job]]:
    """A batcher, and the jobs it holds: these."""
    await world.admit(*[job(cost=cost) for cost in costs])
    batcher = await world.batcher(lease=SHORT)
    return batcher, (await batcher.drain(batch, LIMITS, staged=False, suspects=False)).jobs


async def test_what_is_claimed_is_under_way_until_it_is_finished(world: World) -> None:
    batcher, jobs = await claimed(world, "1", 30, 20, 10)
    await claimed(world, "2", 4)
    before = await under_way(world)

    await batcher.finish([Finish(batch="1", results=results(jobs[0]), done=False)], starts=None)
    partly = await under_way(world)
    await batcher.finish([Finish(batch="1", results=results(*jobs[1:]), done=True)], starts=None)

    assert (before, partly, await under_way(world)) == ((4, 64), (3, 44), (1, 4))


async def test_what_is_asked_for_again_is_under_way_once(world: World) -> None:
    batcher, _ = await claimed(world, "1", 30, 20)

    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert await under_way(world) == (2, 50)


async def test_what_is_finished_twice_is_taken_off_once(world: World) -> None:
    batcher, jobs = await claimed(world, "1", 30, 20)
    await claimed(world, "2", 7)

    for _ in range(2):
        await batcher.finish([Finish(batch="1", results=results(*jobs), done=True)], starts=None)

    assert await under_way(world) == (1, 7)


async def test_what_has_failed_is_not_under_way(world: World) -> None:
    batcher, jobs = await claimed(world, "1", 8, 8, 8)
    failure = Failure(job_id=jobs[0].id, code=FailureCode.MODEL_ERROR, message="no")

    for _ in range(2):
        await batcher.fail("1", [failure])

    assert await under_way(world) == (2, 16)


async def test_what_is_cancelled_is_not_under_way_after_the_next_beat(world: World) -> None:
    _, jobs = await claimed(world, "1", 8, 8, 8)
    await world.cancel(jobs[0])

    for _ in range(2):
        world.heart().beat(presence(), {"1": [one.id for one in jobs]})

    assert await under_way(world) == (2, 16)


async def test_what_went_back_is_not_under_way(world: World) -> None:
    batcher, _ = await claimed(world, "1", 30, 20)
    await batcher.release("1")
    await batcher.drain("2", LIMITS, staged=False, suspects=False)

    assert await under_way(world) == (2, 50)


async def test_what_a_lost_lease_held_is_not_under_way_and_its_late_end_takes_nothing_off(world: World) -> None:
    late, jobs = await claimed(world, "1", 30, 20)
    await world.pass_time(2 * SHORT)
    batcher = await world.batcher()
    await batcher.reclaim()
    await batcher.drain("2", LIMITS, staged=False, suspects=True)

    await late.finish([Finish(batch="1", results=results(*jobs), done=True)], starts=None)

    assert await under_way(world) == (2, 50)
