"""Cards and the batchers behind them, as front ends see them."""

from __future__ import annotations

import pytest

from broker.messages import Speed
from broker.redis import connect_front_end
from tests.contract.worlds import MODEL, SILENCE, RedisWorld, World, card, presence

pytestmark = pytest.mark.anyio


async def test_an_empty_broker_knows_no_model(world: World) -> None:
    fleet = await world.look()

    assert (len(fleet.announcements), fleet.known_names) == (0, frozenset())


async def test_a_card_is_seen_as_it_was_announced(world: World) -> None:
    shown = card(
        max_cost=77,
        labels=["good", "bad"],
        languages=["en", "ja"],
        artifacts={"vocab.json": "a" * 64},
        options={"lower": True, "pairs": {"ja": 3}},
        description="an honest toy",
    )

    world.heart().announce(shown, {})

    assert (await world.announced())[MODEL].card == shown


async def test_two_revisions_of_a_name_are_two_cards(world: World) -> None:
    for model in ("toy@r1", "toy@r2", "other@r1"):
        world.heart(model).announce(card(model), {})

    assert set(await world.announced()) == {"toy@r1", "toy@r2", "other@r1"}
    assert (await world.look()).known_names == {"toy", "other"}


async def test_a_newer_revision_has_the_later_stamp(world: World) -> None:
    world.heart("toy@r2").announce(card("toy@r2"), {})
    await world.pass_time(0.01)
    world.heart("toy@r1").announce(card("toy@r1"), {})

    found = await world.announced()

    assert found["toy@r1"].announced > found["toy@r2"].announced


async def test_announcing_again_keeps_the_first_stamp(world: World) -> None:
    world.heart().announce(card(), {})
    first = (await world.announced())[MODEL].announced
    await world.pass_time(0.01)

    world.heart().announce(card(), {})

    assert (await world.announced())[MODEL].announced == first


async def test_a_batcher_is_seen_from_its_first_beat(world: World) -> None:
    heart = world.heart()
    shown = presence("b1", speed=Speed(fixed=0.01, per_job=0.0005), room=64, host="node-7")
    heart.announce(card(), {})
    before = list((await world.announced())[MODEL].batchers)

    heart.beat(shown, {})

    assert before == []
    assert list((await world.announced())[MODEL].batchers) == [shown]


async def test_a_batcher_stands_behind_its_own_revision_only(world: World) -> None:
    for model in ("toy@r1", "toy@r2"):
        world.heart(model).announce(card(model), {})

    world.heart("toy@r2").beat(presence("b1", "toy@r2"), {})

    found = await world.announced()
    assert [len(found[model].batchers) for model in ("toy@r1", "toy@r2")] == [0, 1]


async def test_a_beat_replaces_what_was_known_of_the_batcher(world: World) -> None:
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence("b1", room=1), {})

    heart.beat(presence("b1", room=2), {})

    assert [one.room for one in (await world.announced())[MODEL].batchers] == [2]


async def test_a_batcher_that_left_no_longer_counts(world: World) -> None:
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence("b1"), {})
    heart.beat(presence("b2"), {})

    heart.leave("b1")

    assert [one.batcher for one in (await world.announced())[MODEL].batchers] == ["b2"]


async def test_a_silent_batcher_no_longer_counts_but_its_card_is_known(world: World) -> None:
    world.forget_after(SILENCE)
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence(), {})

    await world.pass_time(1.2 * SILENCE)

    assert list((await world.announced())[MODEL].batchers) == []


async def test_reclaim_prunes_the_card_that_nobody_stands_behind(world: World) -> None:
    world.forget_after(SILENCE)
    dead, alive = world.heart("toy@r1"), world.heart("toy@r2")
    dead.announce(card("toy@r1"), {})
    alive.announce(card("toy@r2"), {})
    dead.beat(presence("b1", "toy@r1"), {})
    await world.pass_time(1.2 * SILENCE)
    alive.beat(presence("b2", "toy@r2"), {})

    await (await world.batcher("toy@r2")).reclaim()

    assert set(await world.announced()) == {"toy@r2"}


async def test_a_card_waits_for_its_first_beat(world: World) -> None:
    world.heart().announce(card(), {})

    await (await world.batcher()).reclaim()

    assert set(await world.announced()) == {MODEL}


async def test_a_beat_brings_a_pruned_card_back(world: World) -> None:
    world.forget_after(SILENCE)
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence(), {})
    await world.pass_time(1.2 * SILENCE)
    await (await world.batcher("other@r1")).reclaim()

    heart.beat(presence(), {})

    assert len((await world.announced())[MODEL].batchers) == 1


@pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)
async def test_a_broker_that_is_spoken_to_by_its_older_protocol_is_understood(world: RedisWorld) -> None:
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence(), {})
    expected = await world.look()

    front_end = await connect_front_end(f"{world.url}?protocol=2", world.namespace, "e" * 16)

    assert await front_end.look() == expected
    await front_end.aclose()
