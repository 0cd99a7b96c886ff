"""The default model of a task: settled once, seen by all front ends."""

from __future__ import annotations

import pytest

from tests.contract.worlds import SILENCE, World, card, presence

pytestmark = pytest.mark.anyio


async def test_without_a_default_there_is_none(world: World) -> None:
    assert dict((await world.look()).defaults) == {}


async def test_the_first_default_of_a_task_stays_and_all_front_ends_see_it(world: World) -> None:
    one, other = await world.front_end(), await world.front_end("e" * 16)

    await one.settle_default("translation", "toy")
    await other.settle_default("translation", "other")
    await other.settle_default("embedding", "other")

    expected = {"translation": "toy", "embedding": "other"}
    assert [dict((await front_end.look()).defaults) for front_end in (one, other)] == [expected] * 2


async def test_a_default_that_is_told_again_replaces_another(world: World) -> None:
    front_end = await world.front_end()
    await front_end.settle_default("translation", "toy")

    await front_end.settle_default("translation", "other", again=True)

    assert dict((await front_end.look()).defaults) == {"translation": "other"}


async def test_a_default_outlives_the_card_of_its_model(world: World) -> None:
    world.forget_after(SILENCE)
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence(), {})
    await (await world.front_end()).settle_default("translation", "toy")
    await world.pass_time(1.2 * SILENCE)

    await (await world.batcher("other@r1")).reclaim()

    assert (await world.announced(), dict((await world.look()).defaults)) == ({}, {"translation": "toy"})
