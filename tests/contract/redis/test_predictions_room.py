"""The sum of bytes that predictions have is that of those which are kept, however the others went."""

from __future__ import annotations

import random

import pytest

from broker.predictions.contract import OVERHEAD, TRIMMED, Creation, State
from tests.contract.predictions.orders import created, ending, order, ordered
from tests.contract.worlds import FRONT_END, LONG, SHORT, RedisWorld

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
MOST = 1 << 30  # bytes
EXPIRING = 10 * TRIMMED
SIZE = OVERHEAD + len(order().request) + len(order().body)


def summed(world: RedisWorld) -> int:
    return int(world.server.get(world.keys.predictions_bytes) or 0)  # type: ignore[arg-type]


async def test_a_thousand_that_have_expired_are_taken_off_by_those_that_come(world: RedisWorld) -> None:
    broker = await world.predictions()
    for _ in range(EXPIRING):
        await created(broker, MOST, time_left=SHORT, keep=0.001)
    await world.pass_time(2 * SHORT)

    for _ in range(EXPIRING // TRIMMED):
        await created(broker, MOST)

    assert summed(world) == SIZE * EXPIRING // TRIMMED
    assert world.server.zcard(world.keys.predictions_room) == EXPIRING // TRIMMED


async def test_those_that_have_expired_are_taken_off_by_beats_where_none_comes(world: RedisWorld) -> None:
    broker = await world.predictions()
    for _ in range(TRIMMED + 1):
        await created(broker, MOST)
    over = world.server.zrange(world.keys.predictions_room, 0, -1)
    world.server.zadd(world.keys.predictions_room, dict.fromkeys(over, 1))  # type: ignore[arg-type]
    world.server.zadd(world.keys.predictions_room, {f"last:{SIZE}": 2**52})
    world.server.incrby(world.keys.predictions_bytes, SIZE)

    await broker.beat(FRONT_END, [], 0)
    once = summed(world)
    await broker.beat(FRONT_END, [], 0)

    assert (once, summed(world)) == (2 * SIZE, SIZE)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_becomes_of_them_in_the_end_nothing_is_counted(world: RedisWorld, seed: int) -> None:
    broker, dice, ids = await world.predictions(), random.Random(seed), []
    for _ in range(200):
        body, result = b"x" * dice.randrange(9_000), b"y" * dice.randrange(9_000)
        id = await created(broker, MOST, body=body, runs=dice.random() < 0.5)
        ids.append(id)
        for step in dice.sample(["rows", "finish", "rows", "fail", "remove", "finish", "remove"], dice.randrange(4)):
            if step == "remove":
                await broker.remove(id)
            elif step == "rows":
                await broker.add_rows(id, FRONT_END, 0, [result] * dice.randrange(1, 4), 0)
            else:
                state = State.SUCCEEDED if step == "finish" else State.FAILED
                await broker.finish(ending(id, state=state, result=result))
        kept = world.server.zrange(world.keys.predictions_room, 0, -1)
        assert summed(world) == sum(int(member.rpartition(b":")[2]) for member in kept)  # type: ignore[union-attr]

    for id in (*ids, *ids):
        await broker.remove(id)

    assert [name for name in world.names() if "prediction" in name] == []


async def test_a_sum_that_is_no_number_begins_anew(world: RedisWorld) -> None:
    broker = await world.predictions()
    await created(broker)
    world.server.set(world.keys.predictions_bytes, "garbage")

    assert (await ordered(broker)).outcome is Creation.CREATED
    assert (await ordered(broker)).outcome is Creation.CREATED


async def test_all_that_belongs_to_one_has_an_end_soon_after_it(world: RedisWorld) -> None:
    broker = await world.predictions()
    await broker.finish(ending(await created(broker, key="k", fingerprint="f")))
    await broker.add_rows(await created(broker), FRONT_END, 0, [b"row"], 0)

    names = [name for name in world.names() if "prediction" in name or "idem" in name]

    assert len(names) == 9
    assert all(0 < world.server.pttl(name) <= 1000 * (2 * LONG + 61) for name in names)  # type: ignore[operator]
