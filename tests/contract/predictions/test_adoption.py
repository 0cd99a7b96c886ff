"""A prediction whose front end is silent goes to another, and to one only."""

from __future__ import annotations

import pytest

from broker.redis.stores import predictions
from tests.contract.predictions.orders import OTHER, created, ending
from tests.contract.worlds import FRONT_END, SHORT, World

pytestmark = pytest.mark.anyio


async def test_one_whose_owner_beats_is_adopted_by_nobody(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker)

    assert (await broker.beat(FRONT_END, [id], 0)).lost == []
    assert (await broker.beat(OTHER, [], 9)).adopted == []


async def test_one_whose_owner_is_silent_is_adopted_once(world: World) -> None:
    owner, other = await world.predictions(lease=SHORT), await world.predictions(OTHER)
    id = await created(owner)
    assert (await other.beat(OTHER, [], 9)).adopted == []
    await world.pass_time(2 * SHORT)

    first, second = await other.beat(OTHER, [], 9), await other.beat("d" * 16, [], 9)

    assert (first.adopted, second.adopted) == ([id], [])
    assert (await owner.beat(FRONT_END, [id], 9)).lost == [id]
    assert await owner.begin(id, FRONT_END) is None
    assert await other.begin(id, OTHER) == b"text"


async def test_leases_in_many_portions_are_beaten_and_released_like_those_in_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "AT_ONCE", 2)
    broker = await world.predictions()
    ids = [await created(broker) for _ in range(5)]

    beat = await broker.beat(FRONT_END, [ids[0], "gone", *ids[1:], "never"], 0)

    assert (set(beat.lost), beat.open) == ({"gone", "never"}, 5)
    await broker.release(FRONT_END, ids)
    assert set((await broker.beat(OTHER, [], 9)).adopted) == set(ids)


async def test_no_more_are_adopted_than_there_is_room_for(world: World) -> None:
    owner, other = await world.predictions(lease=SHORT), await world.predictions(OTHER)
    ids = {await created(owner) for _ in range(3)}
    await world.pass_time(2 * SHORT)

    beats = [await other.beat(OTHER, [], most) for most in (0, 2, 2)]

    assert [len(beat.adopted) for beat in beats] == [0, 2, 1]
    assert {id for beat in beats for id in beat.adopted} == ids


async def test_what_an_owner_releases_is_adopted_at_once(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker)

    await broker.release(FRONT_END, [id])

    assert (await broker.beat(OTHER, [], 9)).adopted == [id]


async def test_nobody_releases_what_another_holds(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker)

    await broker.release(OTHER, [id])

    assert (await broker.beat(OTHER, [], 9)).adopted == []


async def test_what_has_ended_is_adopted_by_nobody_and_not_open(world: World) -> None:
    owner, other = await world.predictions(lease=SHORT), await world.predictions(OTHER)
    done, removed = await created(owner), await created(owner)
    await owner.finish(ending(done))
    await owner.remove(removed)
    await world.pass_time(2 * SHORT)

    beat = await other.beat(OTHER, [], 9)

    assert (beat.adopted, beat.open) == ([], 0)
