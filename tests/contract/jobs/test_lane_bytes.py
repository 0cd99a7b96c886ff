"""Lanes are bounded in bytes, as they are in jobs and tokens; bodies that lie apart count."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.messages import FailureCode, Job, Lane, Verdict
from tests.contract.worlds import LIMITS, MODEL, SHORT, World, cancel, ids, job, request

pytestmark = pytest.mark.anyio
SIZE = 100_000
THREE = 3 * SIZE + 1_000  # bytes: three of them fit
REFUSED = FailureCode.CONTENDED


def large() -> Job:
    return job(input=b"x" * SIZE)


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
