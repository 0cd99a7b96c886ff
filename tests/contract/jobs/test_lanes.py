"""DRAIN: bulk that has waited gets an eighth of each batch, so that no flood of interactive jobs starves it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from broker.messages import Claim, Lane, Limits
from tests.contract.worlds import LIMITS, LONG, SHORT, World, ids, job

pytestmark = pytest.mark.anyio
BULK, INTERACTIVE = Lane.BULK, Lane.INTERACTIVE


async def fill(world: World, *, interactive: int = 0, bulk: int = 0, cost: int = 1) -> None:
    """Bulk jobs have the given cost."""
    if interactive:
        await world.admit(*[job() for _ in range(interactive)])
    if bulk:
        await world.admit(*[job(cost=cost) for _ in range(bulk)], lane=BULK)


async def claimed(world: World, limits: Limits, *, bulk_after: float = 0.0, batch: str = "1") -> Claim:
    batcher = await world.batcher()
    return await batcher.drain(batch, limits, staged=False, suspects=False, bulk_after=bulk_after)


def lanes(claim: Claim) -> Counter[Lane]:
    return Counter(one.lane for one in claim.jobs)


def size(jobs: int) -> Limits:
    return replace(LIMITS, max_batch_size=jobs)


@pytest.mark.parametrize(("jobs", "share"), [(64, 8), (16, 2), (15, 1), (8, 1), (3, 1)])
async def test_bulk_that_has_waited_has_an_eighth_of_a_full_batch(world: World, jobs: int, share: int) -> None:
    await fill(world, interactive=2 * jobs, bulk=jobs)

    claim = await claimed(world, size(jobs))

    assert lanes(claim) == {INTERACTIVE: jobs - share, BULK: share}
    assert claim.closed_by == "size"


async def test_eight_batches_move_a_full_batch_of_bulk(world: World) -> None:
    await fill(world, interactive=8 * 16, bulk=40)

    claims = [await claimed(world, size(16), batch=str(number)) for number in range(8)]

    assert sum(lanes(claim)[BULK] for claim in claims) == 16


async def test_bulk_that_has_not_waited_long_gets_only_the_room_that_is_left(world: World) -> None:
    await fill(world, interactive=16, bulk=16)

    claim = await claimed(world, size(16), bulk_after=LONG)

    assert lanes(claim) == {INTERACTIVE: 16}


async def test_the_head_of_the_bulk_lane_says_how_long_bulk_has_waited(world: World) -> None:
    await fill(world, interactive=16, bulk=1)
    await world.pass_time(2 * SHORT)
    await fill(world, bulk=5)

    claim = await claimed(world, size(16), bulk_after=SHORT)

    assert lanes(claim) == {INTERACTIVE: 14, BULK: 2}


async def test_the_oldest_bulk_goes_first(world: World) -> None:
    old, young = job(), job()
    await fill(world, interactive=8)
    await world.admit(old, young, lane=BULK)

    claim = await claimed(world, size(8))

    assert [one.id for one in claim.jobs if one.lane is BULK] == [old.id]


async def test_bulk_fills_what_interactive_leaves_besides_its_share(world: World) -> None:
    await fill(world, interactive=3, bulk=40)

    claim = await claimed(world, size(16))

    assert lanes(claim) == {INTERACTIVE: 3, BULK: 13}


async def test_the_share_of_the_tokens_is_an_eighth_too(world: World) -> None:
    await fill(world, interactive=64, bulk=8, cost=3)

    claim = await claimed(world, replace(LIMITS, max_batch_tokens=64))

    assert lanes(claim) == {INTERACTIVE: 58, BULK: 2}


async def test_a_bulk_job_larger_than_the_share_is_not_left_behind_for_ever(world: World) -> None:
    await fill(world, interactive=64, bulk=2, cost=20)

    claim = await claimed(world, replace(LIMITS, max_batch_tokens=64))

    assert lanes(claim) == {INTERACTIVE: 44, BULK: 1}


async def test_expired_bulk_takes_no_share(world: World) -> None:
    live = job()
    await world.admit(*[job() for _ in range(5)], lane=BULK, time_left=SHORT)
    await world.admit(live, lane=BULK)
    await fill(world, interactive=16)
    await world.pass_time(2 * SHORT)

    claim = await claimed(world, size(16))

    assert [one.id for one in claim.jobs if one.lane is BULK] == [live.id]


async def test_a_heap_of_expired_bulk_holds_no_interactive_job_up(world: World) -> None:
    await world.admit(*[job() for _ in range(200)], lane=BULK, time_left=SHORT)
    await world.pass_time(2 * SHORT)
    await fill(world, interactive=8)

    claim = await claimed(world, size(8))

    assert lanes(claim) == {INTERACTIVE: 8}


async def test_the_tokens_that_wait_are_counted_when_bulk_goes_first(world: World) -> None:
    await fill(world, interactive=16, bulk=16, cost=5)

    await claimed(world, size(16))

    assert (await (await world.batcher()).depth()).tokens == 2 * 1 + 14 * 5


async def test_asking_again_returns_the_share_too(world: World) -> None:
    await fill(world, interactive=16, bulk=16)
    first = await claimed(world, size(16))

    again = await claimed(world, size(16))

    assert ids(again) == ids(first)
