"""What is under way, as a real server counts it: one read however many leases there are, and no error that stays."""

from __future__ import annotations

from collections import Counter

import pytest

from broker.messages import Finish, Limits
from tests.contract.worlds import LIMITS, RedisWorld, job, request, results

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
ONE = Limits(max_batch_size=1)


async def claim(world: RedisWorld, *batches: str) -> None:
    """A job in each."""
    batcher = await world.batcher()
    await world.admit(*[job(cost=5) for _ in batches])
    for batch in batches:
        await batcher.drain(batch, ONE, staged=False, suspects=False)


def held(world: RedisWorld) -> dict[bytes, bytes]:
    return world.server.hgetall(world.keys.held("toy@r1"))


async def commands_of_an_admission(world: RedisWorld, sequence: int) -> Counter[str]:
    front_end = await world.front_end()
    world.server.config_resetstat()
    await front_end.admit(sequence, [request(job(), most_ahead=10_000, most_tokens_ahead=10_000) for _ in range(4)], {})
    stats = world.server.info("commandstats")
    # Whether a time to live is set anew depends on the millisecond.
    return Counter({name: row["calls"] for name, row in stats.items() if name != "cmdstat_pexpire"})


# It looked into up to 256 leases: 512 commands, nearly a millisecond of the server's time for each call.
async def test_the_work_of_an_admission_does_not_grow_with_leases(world: RedisWorld) -> None:
    await commands_of_an_admission(world, 1_001)  # the script is known now
    await claim(world, "first")
    before = await commands_of_an_admission(world, 1_002)
    await claim(world, *map(str, range(100)))

    after = await commands_of_an_admission(world, 1_003)

    assert after.total() <= before.total()
    assert after["cmdstat_hmget"] == 1


async def test_nothing_is_left_of_it_when_nothing_is_under_way(world: RedisWorld) -> None:
    batcher = await world.batcher()
    await world.admit(job(), job())
    jobs = (await batcher.drain("1", LIMITS, staged=False, suspects=False)).jobs

    await batcher.finish([Finish(batch="1", results=results(*jobs), done=True)], starts=None)

    assert held(world) == {}


async def test_it_ends_by_itself(world: RedisWorld) -> None:
    await claim(world, "1")

    assert world.server.pttl(world.keys.held("toy@r1")) > 0


async def test_a_server_that_has_forgotten_its_scripts_takes_the_lease_all_the_same(world: RedisWorld) -> None:
    batcher = await world.batcher()
    await world.admit(job())
    jobs = (await batcher.drain("1", LIMITS, staged=False, suspects=False)).jobs
    world.server.script_flush()

    await batcher.finish([Finish(batch="1", results=results(*jobs), done=True)], starts=None)

    assert (held(world), world.server.exists(world.keys.lease("1"), world.keys.leases("toy@r1"))) == ({}, 0)
    assert len(await world.outcomes()) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(b"long gone", b"64 4096", id="a lease that is none"),
        pytest.param(b"long gone", b"many", id="no numbers"),
    ],
)
async def test_what_is_counted_wrong_is_counted_anew_by_the_next_reclaim(
    world: RedisWorld, field: bytes, value: bytes
) -> None:
    await claim(world, "1", "2")
    right = held(world)
    world.server.hset(world.keys.held("toy@r1"), mapping={field: value, b"#jobs": b"99", b"#tokens": b"9999"})

    await (await world.batcher()).reclaim()

    assert held(world) == right


@pytest.mark.parametrize("sums", [b"many", b"1.5"])
async def test_sums_that_are_no_numbers_stop_no_step(world: RedisWorld, sums: bytes) -> None:
    await claim(world, "1")
    world.server.hset(world.keys.held("toy@r1"), mapping={b"#jobs": sums, b"#tokens": sums})

    await claim(world, "2")
    [verdict] = await (await world.front_end()).admit(2_000, [request(job(), most_ahead=10)], {})

    assert verdict.refusal is None


async def test_a_key_of_another_type_stops_no_step(world: RedisWorld) -> None:
    batcher = await world.batcher()
    world.server.sadd(world.keys.held("toy@r1"), b"x")
    await world.admit(job())

    jobs = (await batcher.drain("1", LIMITS, staged=False, suspects=False)).jobs
    world.server.delete(world.keys.held("toy@r1"))
    world.server.sadd(world.keys.held("toy@r1"), b"x")
    await batcher.finish([Finish(batch="1", results=results(*jobs), done=True)], starts=None)
    await batcher.reclaim()

    assert len(await world.outcomes()) == 1
    assert held(world) == {}
