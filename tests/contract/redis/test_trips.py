"""Trips are bounded in bytes: what is more goes in several, and what is large travels alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.errors import BrokerUnavailable
from broker.messages import Failure, FailureCode, Finish, Job, Result
from broker.trips import CLAIM_BYTES, FRAME_BYTES, TRIP_BYTES, cut, how_many
from tests.contract.worlds import LIMITS, MODEL, SHORT, RedisWorld, World, ids, job, request

pytestmark = pytest.mark.anyio
LARGE = b"x" * 500_000  # eight of them fit in a trip
HUGE = b"x" * (TRIP_BYTES + 1)
A_QUARTER = b"x" * 4_000_000  # four of them fit in a claim


def outputs(jobs: list[Job], output: bytes = LARGE) -> list[Result]:
    return [Result(job_id=one.id, output=output) for one in jobs]


async def test_a_claim_is_bounded_in_bytes(world: World) -> None:
    jobs = [job(input=A_QUARTER) for _ in range(6)]
    batcher = await world.batcher()
    await world.admit(*jobs)

    first = await batcher.drain("1", LIMITS, staged=False, suspects=False)
    second = await batcher.drain("2", LIMITS, staged=False, suspects=False)

    assert (ids(first), first.closed_by, first.left) == (ids(jobs[:4]), "bytes", 2)
    assert (ids(second), second.closed_by) == (ids(jobs[4:]), "empty")


async def test_a_job_larger_than_a_claim_travels_alone(world: World) -> None:
    jobs = [job(), job(input=b"x" * (CLAIM_BYTES + 1)), job()]
    batcher = await world.batcher()
    await world.admit(*jobs)

    claims = [await batcher.drain(batch, LIMITS, staged=False, suspects=False) for batch in "123"]

    assert [ids(claim) for claim in claims] == [[one.id] for one in jobs]


async def test_the_bytes_of_suspects_are_bounded_too(world: World) -> None:
    jobs = [job(input=A_QUARTER) for _ in range(4)]
    batcher = await world.batcher()
    await world.admit(*jobs, job(input=A_QUARTER))
    await world.crash("1")
    await world.admit(job(input=A_QUARTER))
    await world.crash("2", suspects=False)

    claim = await batcher.drain("3", LIMITS, staged=False, suspects=True)

    assert (len(claim.jobs), claim.suspects) == (4, 2)


async def test_small_jobs_behind_large_ones_are_claimed_in_order(world: World) -> None:
    jobs = [job(input=LARGE) for _ in range(3)] + [job() for _ in range(50)]
    batcher = await world.batcher()
    await world.admit(*jobs)

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == ids(jobs)


async def test_a_claim_asked_for_again_and_again_does_not_keep_its_lease_for_ever(world: World) -> None:
    waiting = job()
    deaf, other = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(waiting)

    for _ in range(8):
        assert ids(await deaf.drain("1", LIMITS, staged=True, suspects=False)) == [waiting.id]
        await world.pass_time(0.8 * SHORT)
    await other.reclaim()

    assert ids(await other.drain("2", LIMITS, staged=False, suspects=False)) == [waiting.id]


async def test_a_claim_asked_for_again_is_held_for_another_lease(world: World) -> None:
    waiting = job()
    batcher, other = await world.batcher(lease=20 * SHORT), await world.batcher()
    await world.admit(waiting)

    for _ in range(3):
        await batcher.drain("1", LIMITS, staged=True, suspects=False)
        await world.pass_time(10 * SHORT)
        await other.reclaim()

    assert ids(await other.drain("2", LIMITS, staged=False, suspects=False)) == []


async def test_outputs_that_are_more_than_a_trip_all_arrive_and_the_lease_goes(world: World) -> None:
    jobs = [job() for _ in range(12)]
    batcher = await world.batcher()
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    given = [*outputs(jobs[:9]), *outputs(jobs[9:10], HUGE), *outputs(jobs[10:], b"small")]
    await batcher.finish([Finish(batch="1", results=given, done=True)], starts=None)

    assert await everything(world) == given
    assert not (await batcher.drain("1", LIMITS, staged=False, suspects=False)).jobs


async def test_outputs_of_several_batches_are_cut_and_those_under_way_stay_leased(world: World) -> None:
    jobs = [job() for _ in range(24)]
    batcher, few = await world.batcher(), replace(LIMITS, max_batch_size=12)
    await world.admit(*jobs)
    for batch in "12":
        await batcher.drain(batch, few, staged=False, suspects=False)

    over, landed = outputs(jobs[:12]), outputs(jobs[12:23])
    ended = [Finish(batch="1", results=over, done=True), Finish(batch="2", results=landed, done=False)]
    await batcher.finish(ended, starts=None)

    assert await everything(world) == [*over, *landed]
    assert ids(await batcher.drain("2", LIMITS, staged=False, suspects=False)) == [jobs[23].id]


async def test_requests_that_are_more_than_a_trip_are_asked_for_again(world: World) -> None:
    front_end, batcher = await world.front_end(), await world.batcher()
    requests = [request(job(input=LARGE), job(input=LARGE), job(input=LARGE)) for _ in range(3)]

    first = await front_end.admit(1, requests, {})
    again = await front_end.admit(1, requests, {})
    rest = await front_end.admit(2, requests[len(first) :], {})

    assert [verdict.waiting for verdict in (*first, *rest)] == [3, 6, 9]
    assert again == first
    assert (await batcher.depth()).jobs == 9


async def test_a_request_larger_than_a_trip_is_admitted_alone(world: World) -> None:
    front_end = await world.front_end()

    verdicts = await front_end.admit(1, [request(job(input=HUGE), job()), request(job())], {})

    assert [verdict.waiting for verdict in verdicts] == [2]


@pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)
async def test_a_finish_that_failed_half_way_goes_on_where_it_was(
    world: RedisWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [job() for _ in range(20)]
    batcher = await world.batcher()
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)
    trips, send = [], batcher._finish

    async def failing(publication, starts):
        trips.append(sum(map(len, publication.ids.values())))
        if len(trips) == 2:
            raise BrokerUnavailable
        await send(publication, starts)

    monkeypatch.setattr(batcher, "_finish", failing)
    ended = [Finish(batch="1", results=outputs(jobs), done=True)]

    with pytest.raises(BrokerUnavailable):
        await batcher.finish(ended, starts=None)
    await batcher.finish(ended, starts=None)

    assert trips == [8, 8, 8, 4]
    assert ids(await everything(world)) == ids(jobs)
    assert not world.server.exists(world.keys.lease("1"))


@pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)
async def test_results_that_could_not_be_brought_can_fail_and_those_that_were_cannot(world: RedisWorld) -> None:
    jobs = [job() for _ in range(2)]
    batcher = await world.batcher()
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.finish([Finish(batch="1", results=outputs(jobs[:1]), done=False)], starts=None)
    await batcher.fail("1", [Failure(job_id=one.id, code=FailureCode.MODEL_ERROR, message="no") for one in jobs])
    await batcher.finish([Finish(batch="1", done=True)], starts=None)

    assert [type(one) for one in await everything(world)] == [Result, Failure]


@pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)
async def test_frames_are_cut_and_so_is_the_reading_of_them(world: RedisWorld) -> None:
    jobs = [job() for _ in range(64)]
    batcher, front_end = await world.batcher(), await world.front_end()
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await batcher.finish([Finish(batch="1", results=outputs(jobs), done=True)], starts=None)

    sizes = [len(frame) for frame in world.server.lrange(world.keys.reply("f" * 16), 0, -1)]
    first = await front_end.receive(0, 0.0)
    second = await front_end.receive(first.count, 0.0)

    assert max(sizes) <= FRAME_BYTES + 100
    assert (first.count, second.count) == (4, 4)


@pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)
async def test_a_reclaim_brings_back_no_bodies_and_stops_at_its_bytes(
    world: RedisWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.redis.batcher.BYTES_A_CALL", 1)
    jobs = [job(input=LARGE) for _ in range(2)]
    batcher, one = await world.batcher(lease=SHORT), replace(LIMITS, max_batch_size=1)
    await world.admit(*jobs)
    for batch in "12":
        await batcher.drain(batch, one, staged=False, suspects=False)
    await world.pass_time(2 * SHORT)

    await batcher.reclaim()

    assert world.server.llen(world.keys.suspects(MODEL)) == 1


async def everything(world: World) -> list[Result | Failure]:
    front_end = await world.front_end()
    found, frames = [], await front_end.receive(0, 0.0)
    while frames.count:
        found += frames.outcomes
        frames = await front_end.receive(frames.count, 0.0)
    return found


@pytest.mark.parametrize(
    ("sizes", "count"),
    [([], 0), ([5], 1), ([50], 1), ([5, 5, 1], 2), ([5, 6], 1), ([50, 1], 1), ([1, 50, 1], 1), ([10, 0], 2)],
)
def test_the_first_always_goes_and_others_while_they_fit(sizes: list[int], count: int) -> None:
    assert how_many(sizes, most=10) == count


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [([], []), ([50], [1]), ([5, 5, 1], [2, 1]), ([1, 50, 1], [1, 1, 1]), ([4, 4, 4], [2, 1])],
)
def test_pieces_are_cut_in_order_and_a_large_one_is_a_part_of_its_own(sizes: list[int], parts: list[int]) -> None:
    pieces = [bytes(size) for size in sizes]

    found = list(cut(pieces, 10))

    assert [len(part) for part in found] == parts
    assert [piece for part in found for piece in part] == pieces
