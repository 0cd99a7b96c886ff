"""ADMIT: requests are queued whole or refused whole, and a lost reply is asked again."""

from __future__ import annotations

from array import array

import pytest

from broker.messages import Depth, FailureCode, Lane, Verdict
from tests.contract.worlds import LIMITS, MODEL, World, ids, job, request

pytestmark = pytest.mark.anyio
REFUSED = FailureCode.CONTENDED


async def test_admitted_jobs_are_claimed_oldest_first(world: World) -> None:
    jobs = [job() for _ in range(5)]
    batcher = await world.batcher()

    await world.admit(*jobs[:3])
    await world.admit(*jobs[3:])

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == ids(jobs)


async def test_a_job_arrives_as_it_was_sent(world: World) -> None:
    sent = job(input={"ids": array("i", [5, -1, 128000]), "lang": "ja"}, cost=3)
    batcher = await world.batcher()

    await world.admit(sent, lane=Lane.BULK)

    [got] = (await batcher.drain("1", LIMITS, staged=False, suspects=False)).jobs
    assert (got.id, got.front_end, got.input, got.cost) == (sent.id, sent.front_end, sent.input, sent.cost)
    assert (got.lane, got.attempts) == (Lane.BULK, 0)


async def test_the_deadline_is_stamped_on_the_brokers_clock(world: World) -> None:
    batcher = await world.batcher()

    await world.admit(job(admitted=5.0, deadline=6.0), time_left=30.0)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)
    assert claim.jobs[0].deadline - claim.jobs[0].admitted == pytest.approx(30.0, abs=0.002)
    assert claim.claimed - claim.jobs[0].admitted == pytest.approx(0.0, abs=5.0)


async def test_a_verdict_counts_the_jobs_of_its_lane(world: World) -> None:
    front_end = await world.front_end()

    verdicts = await front_end.admit(
        1, [request(job(), job()), request(job(), lane=Lane.BULK), request(job(), model="other@r1"), request(job())], {}
    )

    assert [verdict.waiting for verdict in verdicts] == [2, 1, 1, 3]


async def test_a_request_without_room_for_all_its_jobs_is_refused_whole(world: World) -> None:
    front_end = await world.front_end(max_queue_jobs=3)
    batcher = await world.batcher()
    await front_end.admit(1, [request(job(), job())], {})

    [verdict] = await front_end.admit(2, [request(job(), job())], {})

    assert verdict == Verdict(refusal=REFUSED, waiting=2)
    assert (await batcher.depth()).jobs == 2


async def test_a_request_beyond_the_bound_is_refused_by_an_empty_queue_too(world: World) -> None:
    front_end = await world.front_end(max_queue_jobs=2)

    [verdict] = await front_end.admit(1, [request(job(), job(), job())], {})

    assert verdict == Verdict(refusal=REFUSED, waiting=0)


async def test_the_bound_is_reached_exactly(world: World) -> None:
    front_end = await world.front_end(max_queue_jobs=2)

    verdicts = await front_end.admit(1, [request(job(), job()), request(job())], {})

    assert [verdict.refusal for verdict in verdicts] == [None, REFUSED]


async def test_tokens_are_bounded_like_jobs(world: World) -> None:
    front_end = await world.front_end(max_queue_tokens=100)

    verdicts = await front_end.admit(1, [request(job(cost=60)), request(job(cost=41)), request(job(cost=40))], {})

    assert [verdict.refusal for verdict in verdicts] == [None, REFUSED, None]


async def test_claimed_tokens_make_room_again(world: World) -> None:
    front_end = await world.front_end(max_queue_tokens=100)
    batcher = await world.batcher()
    await front_end.admit(1, [request(job(cost=60)), request(job(cost=40))], {})
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    verdicts = await front_end.admit(2, [request(job(cost=50)), request(job(cost=50))], {})

    assert [verdict.refusal for verdict in verdicts] == [None, None]


async def test_a_refused_request_does_not_take_the_next_one_with_it(world: World) -> None:
    front_end = await world.front_end(max_queue_jobs=2)
    batcher = await world.batcher()
    small = job()

    verdicts = await front_end.admit(1, [request(job(), job(), job()), request(small)], {})

    assert [verdict.refusal for verdict in verdicts] == [REFUSED, None]
    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == [small.id]


async def test_a_full_bulk_lane_closes_no_door_to_interactive_jobs(world: World) -> None:
    front_end = await world.front_end(max_queue_jobs=1)
    await front_end.admit(1, [request(job(), lane=Lane.BULK)], {})

    [verdict] = await front_end.admit(2, [request(job())], {})

    assert verdict.refusal is None


async def test_the_same_sequence_again_returns_the_same_verdicts_and_queues_nothing(world: World) -> None:
    front_end = await world.front_end(max_queue_jobs=3)
    batcher = await world.batcher()
    asked = [request(job(), job()), request(job(), job()), request(job())]
    first = await front_end.admit(7, asked, {})

    again = await front_end.admit(7, asked, {})

    assert again == first
    assert (await batcher.depth()).jobs == 3


async def test_the_same_sequence_is_remembered_after_its_jobs_have_left(world: World) -> None:
    front_end = await world.front_end()
    batcher = await world.batcher()
    await front_end.admit(1, [request(job())], {})
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await front_end.admit(1, [request(job())], {})

    assert (await batcher.depth()).jobs == 0


async def test_the_next_sequence_queues_again(world: World) -> None:
    front_end = await world.front_end()
    batcher = await world.batcher()

    for sequence in (1, 11, 111):
        await front_end.admit(sequence, [request(job())], {})

    assert (await batcher.depth()).jobs == 3


async def test_front_ends_count_their_own_sequences(world: World) -> None:
    one, other = await world.front_end("1" * 16), await world.front_end("2" * 16)
    batcher = await world.batcher()

    await one.admit(1, [request(job())], {})
    await other.admit(1, [request(job())], {})

    assert (await batcher.depth()).jobs == 2


async def test_a_request_without_time_left_is_refused_and_not_queued(world: World) -> None:
    front_end = await world.front_end()
    batcher = await world.batcher()

    verdicts = await front_end.admit(1, [request(job(), time_left=-1.0), request(job(), time_left=0.0)], {})

    assert [verdict.refusal for verdict in verdicts] == [FailureCode.EXPIRED] * 2
    assert await batcher.depth() == Depth()


async def test_each_model_has_its_own_queue(world: World) -> None:
    mine, theirs = job(), job()
    front_end = await world.front_end()
    batcher = await world.batcher(MODEL)

    await front_end.admit(1, [request(theirs, model="toy@r2"), request(mine, model=MODEL)], {})

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == [mine.id]


async def test_an_admission_without_requests_has_no_verdicts(world: World) -> None:
    front_end = await world.front_end()

    assert await front_end.admit(1, [], {}) == []


async def test_a_request_of_thousands_of_jobs_is_admitted_in_order(world: World) -> None:
    jobs = [job() for _ in range(2_500)]
    batcher = await world.batcher()

    await world.admit(*jobs)

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == ids(jobs[:64])
    assert (await batcher.depth()).jobs == 2_436
