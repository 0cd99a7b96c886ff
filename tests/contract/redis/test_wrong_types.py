"""A key that holds something else than Jitney keeps there is named, by whoever meets it, with what removes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import structlog

from broker.admin.redis import RedisAdmin
from broker.errors import BrokerError
from broker.keys import Keys
from broker.messages import Lane
from tests.contract.worlds import LIMITS, MODEL, RedisWorld, card, job, presence

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]

NAME = MODEL.partition("@")[0]
KEYS: dict[str, Callable[[Keys], str]] = {
    "cards": lambda keys: keys.cards,
    "batchers": lambda keys: keys.batchers,
    "defaults": lambda keys: keys.defaults,
    "traffic": lambda keys: keys.traffic,
    "epoch": lambda keys: keys.epoch,
    "q": lambda keys: keys.queue(MODEL, Lane.INTERACTIVE),
    "q bulk": lambda keys: keys.queue(MODEL, Lane.BULK),
    "tokens": lambda keys: keys.tokens(MODEL, Lane.INTERACTIVE),
    "bytes": lambda keys: keys.lane_bytes(MODEL, Lane.INTERACTIVE),
    "suspect": lambda keys: keys.suspects(MODEL),
    "dead": lambda keys: keys.dead(MODEL),
    "leases": lambda keys: keys.leases(MODEL),
    "lease": lambda keys: keys.lease("1"),
    "limits": lambda keys: keys.limits(NAME),
    "webhook tries": lambda keys: keys.webhook_tries,
    "webhook fates": lambda keys: keys.webhook_fates,
    "refused": lambda keys: keys.refused,
    "keys": lambda keys: keys.credentials,
}


def spoil(world: RedisWorld, key: str) -> None:
    """A set is what nothing of ours is."""
    world.server.delete(key)
    world.server.sadd(key, b"x")


@pytest.mark.parametrize("what", KEYS)
async def test_people_are_told_which_key_it_is(world: RedisWorld, admin: RedisAdmin, what: str) -> None:
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence(), {})
    await world.admit(job())
    await (await world.batcher()).drain("1", LIMITS, staged=False, suspects=False)
    key = KEYS[what](world.keys)
    spoil(world, key)

    assert admin.overview().wrong_type == [key]


async def test_a_counter_that_is_no_number_is_told_too(world: RedisWorld, admin: RedisAdmin) -> None:
    await world.admit(job())
    key = world.keys.tokens(MODEL, Lane.INTERACTIVE)
    world.server.set(key, "many")

    assert admin.overview().wrong_type == [key]


@pytest.mark.parametrize("what", ["cards", "batchers", "epoch"])
async def test_a_front_end_that_looks_says_which_key_it_is(world: RedisWorld, what: str) -> None:
    key = KEYS[what](world.keys)
    front_end = await world.front_end()
    spoil(world, key)

    with pytest.raises(BrokerError) as caught:
        await front_end.look()

    assert key in str(caught.value) and "DEL" in str(caught.value)


async def test_a_file_of_a_wrong_type_is_named(world: RedisWorld) -> None:
    front_end = await world.front_end()
    spoil(world, world.keys.artifact("ab"))

    with pytest.raises(BrokerError, match=world.keys.artifact("ab").replace("{", r"\{")):
        await front_end.artifact("ab")


@pytest.mark.parametrize("what", ["cards", "batchers", "epoch", "leases"])
async def test_a_beat_says_which_key_it_is(world: RedisWorld, what: str) -> None:
    heart, key = world.heart(), KEYS[what](world.keys)
    spoil(world, key)

    with pytest.raises(BrokerError) as caught:
        heart.beat(presence(), {"1": []})

    assert f"DEL '{key}'" in str(caught.value)


@pytest.mark.parametrize("what", ["q", "q bulk", "suspect", "leases"])
async def test_a_claim_says_which_key_it_is(world: RedisWorld, what: str) -> None:
    batcher, key = await world.batcher(), KEYS[what](world.keys)
    spoil(world, key)

    with pytest.raises(BrokerError) as caught:
        await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert f"DEL '{key}'" in str(caught.value)


@pytest.mark.parametrize("what", ["cards", "batchers", "dead", "leases", "suspect"])
async def test_a_reclaim_says_which_key_it_is(world: RedisWorld, what: str) -> None:
    batcher, key = await world.batcher(), KEYS[what](world.keys)
    spoil(world, key)

    with pytest.raises(BrokerError) as caught:
        await batcher.reclaim()

    assert f"DEL '{key}'" in str(caught.value)


def spoiled_by_type(world: RedisWorld, key: str) -> None:
    spoil(world, key)


def spoiled_by_value(world: RedisWorld, key: str) -> None:
    world.server.hset(key, "max_batch_size", "many")


def spoiled_by_bounds(world: RedisWorld, key: str) -> None:
    world.server.hset(key, "max_wait", "nan")


def misspelled(world: RedisWorld, key: str) -> None:
    world.server.hset(key, "max_batch_szie", "7")


@pytest.mark.parametrize("how", [spoiled_by_type, spoiled_by_value, spoiled_by_bounds, misspelled])
async def test_live_limits_that_make_no_sense_stop_no_heart_and_are_told_once_with_their_key(
    world: RedisWorld, admin: RedisAdmin, how: Callable[[RedisWorld, str], None]
) -> None:
    heart, key = world.heart(), world.keys.limits(NAME)
    heart.announce(card(), {})
    how(world, key)

    with structlog.testing.capture_logs() as lines:
        heart.beat(presence(), {})
        heart.beat(presence(), {})

    [line] = lines
    assert line["key"] == key and key in line["remedy"] and line["reason"]
    seen = admin.overview()
    assert seen.wrong_type == [key] or seen.bad_limits.keys() == {NAME}


async def test_limits_that_are_set_right_beside_an_unknown_name_hold(world: RedisWorld) -> None:
    heart, key = world.heart(), world.keys.limits(NAME)
    heart.announce(card(), {})
    world.server.hset(key, mapping={"max_batch_size": "7", "of_a_newer_version": "1"})

    with structlog.testing.capture_logs():
        limits = heart.beat(presence(), {}).limits

    assert limits is not None and limits.max_batch_size == 7


async def test_an_entry_that_cannot_be_read_is_named(world: RedisWorld) -> None:
    front_end = await world.front_end()
    world.server.hset(world.keys.cards, "odd\x1b@r1", b"rubbish")

    with structlog.testing.capture_logs() as lines:
        await front_end.look()

    [line] = lines
    assert (line["event"], line["key"], line["entry"]) == ("registry entry ignored", world.keys.cards, "'odd\\x1b@r1'")
