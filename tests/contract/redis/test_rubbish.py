"""Rubbish on a real server, exactly: no script stops half-way, and nothing good is lost beside it."""

from __future__ import annotations

import pytest

from broker import header
from broker.errors import BrokerError
from broker.messages import Failure, FailureCode, Finish, Lane
from broker.wire import encode_job
from tests.contract.worlds import (
    FRONT_END,
    LIMITS,
    MODEL,
    SHORT,
    RedisWorld,
    card,
    ids,
    job,
    presence,
    request,
    results,
)

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]

OTHER = "other@r1"


def spoil(world: RedisWorld, key: str) -> None:
    """A set is what nothing of ours is."""
    world.server.delete(key)
    world.server.sadd(key, b"x")


def waiting(world: RedisWorld) -> str:
    return world.keys.queue(MODEL, Lane.INTERACTIVE)


@pytest.mark.parametrize("what", ["bulk queue", "suspects", "leases"])
async def test_a_list_that_is_none_ends_a_drain_before_anything_has_moved(world: RedisWorld, what: str) -> None:
    key = {
        "bulk queue": world.keys.queue(MODEL, Lane.BULK),
        "suspects": world.keys.suspects(MODEL),
        "leases": world.keys.leases(MODEL),
    }[what]
    good, batcher = job(), await world.batcher()
    await world.admit(good)
    spoil(world, key)

    with pytest.raises(BrokerError, match="WRONGTYPE"):
        await batcher.drain("1", LIMITS, staged=False, suspects=False)
    world.server.delete(key)

    assert ids(await batcher.drain("2", LIMITS, staged=False, suspects=True)) == ids([good])


@pytest.mark.parametrize("what", ["queue", "suspects", "dead"])
async def test_a_list_that_is_none_ends_a_reclaim_before_anything_has_moved(world: RedisWorld, what: str) -> None:
    key = {"queue": waiting(world), "suspects": world.keys.suspects(MODEL), "dead": world.keys.dead(MODEL)}[what]
    good, batcher = job(), await world.batcher(lease=SHORT)
    await world.admit(good)
    await batcher.drain("1", LIMITS, staged=False, suspects=True)
    await world.pass_time(SHORT)
    spoil(world, key)

    with pytest.raises(BrokerError, match="WRONGTYPE"):
        await batcher.reclaim()
    world.server.delete(key)
    await batcher.reclaim()

    assert ids(await batcher.drain("2", LIMITS, staged=False, suspects=True)) == ids([good])


@pytest.mark.parametrize("value", [b"many", b"", b"1.5"])
async def test_a_token_count_that_is_no_number_begins_anew(world: RedisWorld, value: bytes) -> None:
    first, second, batcher = job(), job(), await world.batcher()
    await world.admit(first)
    world.server.set(world.keys.tokens(MODEL, Lane.INTERACTIVE), value)

    await world.admit(second)
    claim = await batcher.drain("1", LIMITS, staged=False, suspects=True)

    assert ids(claim) == ids([first, second])


def change_head(world: RedisWorld, field: str, value: bytes) -> None:
    """Writes into the header of the job that has waited longest."""
    data = bytearray(world.server.lindex(waiting(world), 0))
    data[header.PLACES[field]] = value
    world.server.lset(waiting(world), 0, bytes(data))


@pytest.mark.parametrize(("field", "value"), [("kind", b"a"), ("version", b"1"), ("version", b"9"), ("lane", b"x")])
async def test_a_job_of_an_unknown_kind_is_never_computed_and_costs_no_other(
    world: RedisWorld, field: str, value: bytes
) -> None:
    good, odd, batcher = job(), job(), await world.batcher()
    await world.admit(odd, good)
    change_head(world, field, value)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=True)
    await batcher.fail("1", [Failure(job_id=odd.id, code=FailureCode.INVALID_INPUT, message="unreadable")])

    assert (ids(claim), list(claim.spoiled)) == (ids([good]), [odd.id])
    assert ids(await world.outcomes()) == [odd.id]


@pytest.mark.parametrize("cost", [b"    nan", b"    inf", b"-000009", b"0x7ffff", b"1e99999"])
async def test_a_cost_that_is_no_number_ends_no_drain(world: RedisWorld, cost: bytes) -> None:
    good, odd, batcher = job(), job(), await world.batcher()
    await world.admit(odd, good)
    change_head(world, "cost", cost)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=True)

    assert (ids(claim), list(claim.spoiled)) == (ids([good]), [odd.id])


async def test_a_job_whose_id_is_cut_short_loses_no_other_when_its_batch_crashes(world: RedisWorld) -> None:
    good, odd, batcher = job(), job(), await world.batcher(lease=SHORT)
    await world.admit(odd, good)
    world.server.lset(waiting(world), 0, world.server.lindex(waiting(world), 0)[: header.SIZE - 1])

    await batcher.drain("1", LIMITS, staged=True, suspects=False)
    await world.pass_time(SHORT)
    await batcher.reclaim()

    assert ids(await batcher.drain("2", LIMITS, staged=False, suspects=True)) == ids([good])


async def test_a_lease_that_is_none_keeps_no_other_from_being_reclaimed(world: RedisWorld) -> None:
    good, batcher = job(), await world.batcher(lease=SHORT)
    await world.admit(good)
    await batcher.drain("1", LIMITS, staged=True, suspects=False)
    spoil(world, world.keys.lease("odd"))
    world.server.zadd(world.keys.leases(MODEL), {"odd": 0.0})
    await world.pass_time(SHORT)

    await batcher.reclaim()

    assert ids(await batcher.drain("2", LIMITS, staged=False, suspects=True)) == ids([good])
    assert not world.server.exists(world.keys.lease("odd"))


async def test_a_queue_that_is_none_refuses_the_requests_of_its_model_alone(world: RedisWorld) -> None:
    front_end, good = await world.front_end(), job()
    spoil(world, waiting(world))

    verdicts = await front_end.admit(1, [request(job()), request(good, model=OTHER)], {})
    claim = await (await world.batcher(OTHER)).drain("1", LIMITS, staged=False, suspects=True)

    assert [verdict.refusal for verdict in verdicts] == [FailureCode.BROKER_UNAVAILABLE, None]
    assert ids(claim) == ids([good])


async def test_a_wake_list_that_is_none_costs_no_claim_and_is_mended(world: RedisWorld) -> None:
    good, batcher = job(), await world.batcher()
    await world.admit(good)
    spoil(world, world.keys.wake(MODEL))

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=True, wait=0.01)
    await world.admit(job())

    assert ids(claim) == ids([good])
    assert await batcher.wait(0.0)


async def test_a_reply_list_that_is_none_keeps_no_frame_from_others(world: RedisWorld) -> None:
    lost, good, batcher = job(), job(front_end="e" * 16), await world.batcher()
    await world.admit(lost, good)
    spoil(world, world.keys.reply(FRONT_END))
    for number in range(3):
        await world.crash(f"{number}a")
        await world.crash(f"{number}b")

    assert [outcome.job_id for outcome in await world.outcomes("e" * 16)] == ids([good])
    assert (await batcher.depth()).jobs == 0


async def test_what_is_no_card_is_overwritten_by_whoever_serves_the_model(world: RedisWorld) -> None:
    heart, front_end = world.heart(), await world.front_end()
    world.server.hset(world.keys.cards, MODEL, b"rubbish")

    heart.announce(card(), {})

    assert [one.card.key for one in (await front_end.look()).announcements] == [MODEL]


@pytest.mark.parametrize("stamp", [b"9" * 13, b"          nan", b""])
async def test_an_entry_that_nobody_beats_for_counts_for_nothing(world: RedisWorld, stamp: bytes) -> None:
    heart, front_end, batcher = world.heart(), await world.front_end(), await world.batcher()
    heart.announce(card(), {})
    heart.beat(presence(), {})
    honest = world.server.hget(world.keys.batchers, "b1")
    world.server.hset(world.keys.batchers, "odd", stamp + honest[13:].replace(b"b1", b"b2"))

    [announced] = (await front_end.look()).announcements
    await batcher.reclaim()

    assert [one.batcher for one in announced.batchers] == ["b1"]
    assert world.server.hkeys(world.keys.batchers) == [b"b1"]


async def test_an_epoch_that_is_no_text_is_taken_for_one(world: RedisWorld) -> None:
    world.server.set(world.keys.epoch, b"\xff\xfe")

    assert (await (await world.front_end()).look()).epoch == world.heart().beat(presence(), {}).epoch


async def test_a_header_alone_is_named_as_spoiled(world: RedisWorld) -> None:
    odd, batcher = job(), await world.batcher()
    await world.admit(odd)
    world.server.lset(waiting(world), 0, world.server.lindex(waiting(world), 0)[: header.SIZE])

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=True)

    assert list(claim.spoiled) == [odd.id]
    assert len(encode_job(odd)) > header.SIZE


async def test_a_defaults_key_that_is_none_costs_the_defaults_alone(world: RedisWorld) -> None:
    world.heart().announce(card(), {})
    front_end = await world.front_end()
    spoil(world, world.keys.defaults)

    await front_end.settle_default("translation", "toy")
    fleet = await front_end.look()

    assert (fleet.known_names, dict(fleet.defaults)) == ({"toy"}, {})


async def test_a_default_that_is_no_name_is_ignored(world: RedisWorld) -> None:
    world.server.hset(world.keys.defaults, mapping={b"a": b"Not a name", b"b": b"\xff", b"c": b"toy"})

    assert dict((await (await world.front_end()).look()).defaults) == {"c": "toy"}


@pytest.mark.parametrize("step", ["finish", "fail", "release"])
async def test_a_batch_ends_though_the_leases_are_none_and_leaves_nothing_behind(world: RedisWorld, step: str) -> None:
    one, batcher = job(), await world.batcher()
    await world.admit(one)
    await batcher.drain("1", LIMITS, staged=step == "release", suspects=False)
    spoil(world, world.keys.leases(MODEL))

    if step == "finish":
        await batcher.finish([Finish(batch="1", results=results(one), done=True)], starts=None)
    elif step == "fail":
        await batcher.fail("1", [Failure(job_id=one.id, code=FailureCode.MODEL_ERROR, message="no")])
    else:
        await batcher.release("1")

    assert not world.server.exists(world.keys.lease("1"))
    if step == "release":
        assert world.server.llen(waiting(world)) == 1
    else:
        assert ids(await world.outcomes()) == [one.id]
