"""The epoch: the same for everybody, and another one when the broker comes back empty."""

from __future__ import annotations

import pytest

from tests.contract.worlds import World, presence

pytestmark = pytest.mark.anyio


async def test_everybody_reads_the_same_epoch_whoever_sets_it(world: World) -> None:
    first = world.heart().beat(presence(), {}).epoch

    assert [first] * 2 == [(await world.look()).epoch, world.heart().beat(presence(), {}).epoch]
    assert first


async def test_a_front_end_that_finds_no_epoch_sets_one(world: World) -> None:
    first = (await world.look()).epoch

    assert first
    assert (await world.look()).epoch == first


async def test_the_epoch_changes_when_the_broker_comes_back_empty(world: World) -> None:
    before = (await world.look()).epoch

    world.lose_everything()

    assert (await world.look()).epoch not in (before, "")
