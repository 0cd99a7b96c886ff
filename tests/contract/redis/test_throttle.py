"""ADMIT's policies on real servers: exact across front ends, and safe from clocks and from other hands."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from broker.contract import FrontEndBroker
from broker.messages import FailureCode, Policy, Running
from broker.redis.admission import CALLERS_A_TRIP
from tests.contract.worlds import RedisWorld, job, request

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
JOBS = Policy(name="jobs", unit="jobs", quota=200, window=1.0)
FEW = Policy(name="jobs", unit="jobs", quota=10, window=2.0)
ONE = Policy(name="jobs", unit="jobs", quota=1, window=60.0)
DAY = Policy(name="jobs-day", unit="jobs", quota=10, window=86_400.0, kind="day")
HOUR = 3_600_000  # ms
SEQUENCES = count(1)


async def is_let_in(world: RedisWorld, policy: Policy, jobs: int = 1) -> bool:
    asked = request(*[job() for _ in range(jobs)], caller="ada", policies=[policy])
    [verdict] = await (await world.front_end()).admit(next(SEQUENCES), [asked], [])
    assert verdict.refusal in (None, FailureCode.RATE_LIMITED)
    return verdict.refusal is None


def clock(world: RedisWorld) -> int:
    seconds, micros = world.server.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def test_three_front_ends_let_as_much_through_as_one(world: RedisWorld) -> None:
    front_ends, let_in = [await world.front_end(name * 16, max_queue_jobs=100_000) for name in "abc"], 1
    await asyncio.gather(*[one.admit(1, [request(job())], []) for one in front_ends])  # they are connected
    began = clock(world)
    assert await is_let_in(world, JOBS)

    async def ask(front_end: FrontEndBroker) -> None:
        nonlocal let_in
        for sequence in count(2):
            if clock(world) - began > 3000:
                return
            asked = [request(job(), caller="ada", policies=[JOBS]) for _ in range(20)]
            verdicts = await front_end.admit(sequence, asked, [])
            let_in += sum(verdict.refusal is None for verdict in verdicts)

    await asyncio.gather(*map(ask, front_ends))

    asked, before = request(job(), caller="ada", policies=[JOBS]), clock(world)
    [last] = await (await world.front_end()).admit(next(SEQUENCES), [asked], [])
    allowed = let_in + (last.refusal is None) + last.allowances[0].left
    least, most = (JOBS.quota * (1.0 + (when - began) / 1000) for when in (before, clock(world)))
    assert 0.99 * least <= allowed <= 1.01 * most


async def test_a_clock_that_goes_back_opens_nothing_and_locks_nobody_out(world: RedisWorld) -> None:
    assert await is_let_in(world, FEW, 10)
    world.server.set(world.keys.rate("ada", "jobs"), f"10.000 {clock(world) + HOUR}")

    assert not await is_let_in(world, FEW)
    await world.pass_time(0.3)
    assert await is_let_in(world, FEW)
    assert not await is_let_in(world, FEW, 5)


async def test_a_clock_that_leaps_frees_one_quota_and_no_more(world: RedisWorld) -> None:
    world.server.set(world.keys.rate("ada", "jobs"), f"10.000 {clock(world) - 24 * HOUR}")

    assert [await is_let_in(world, FEW, 10), await is_let_in(world, FEW, 5)] == [True, False]


async def test_a_day_that_comes_back_has_no_second_quota(world: RedisWorld) -> None:
    assert await is_let_in(world, DAY, 10)
    world.server.set(world.keys.rate("ada", "jobs-day"), f"10.000 {clock(world) + 24 * HOUR}")

    assert not await is_let_in(world, DAY)


@pytest.mark.parametrize("value", ["", "nan 5", "-5 5", "1 2 3", "x" * 99])
async def test_a_count_that_is_none_begins_anew(world: RedisWorld, value: str) -> None:
    world.server.set(world.keys.rate("ada", "jobs"), value)

    assert [await is_let_in(world, FEW, 10), await is_let_in(world, FEW)] == [True, False]


async def test_keys_of_another_type_are_put_right(world: RedisWorld) -> None:
    at_once = Policy(name="concurrency", unit="requests", quota=1, window=0.0, kind="concurrency")
    world.server.hset(world.keys.rate("ada", "jobs"), "a", "b")
    world.server.rpush(world.keys.running("ada"), "x")
    world.server.set(world.keys.refused, "x")

    assert [await is_let_in(world, FEW, 10), await is_let_in(world, FEW)] == [True, False]
    assert [await is_let_in(world, at_once), await is_let_in(world, at_once)] == [True, False]
    assert world.server.hgetall(world.keys.refused) == {b"ada:concurrency": b"1"}


async def test_a_trip_has_so_many_limited_callers_and_the_next_has_the_others(world: RedisWorld) -> None:
    front_end, many = await world.front_end(), 2 * CALLERS_A_TRIP
    asked = [request(job(), caller=f"c{number % many}", policies=[FEW]) for number in range(4 * CALLERS_A_TRIP)]

    first = await front_end.admit(next(SEQUENCES), asked, [])
    alone = await front_end.admit(next(SEQUENCES), [request(job()) for _ in asked], [])

    assert (len(first), len(alone)) == (CALLERS_A_TRIP, len(asked))
    assert world.server.pttl(world.keys.rate(f"c{CALLERS_A_TRIP}", "jobs")) == -2  # not charged


async def test_refusals_are_counted_by_caller_and_policy(world: RedisWorld) -> None:
    for jobs in (10, 1, 1, 1):
        await is_let_in(world, FEW, jobs)

    assert world.server.hgetall(world.keys.refused) == {b"ada:jobs": b"3"}
    assert world.server.pttl(world.keys.refused) > 23 * HOUR


async def test_refusals_of_callers_without_a_key_are_counted_together(world: RedisWorld) -> None:
    for address in "abc":
        asked = [request(job(), job(), caller=f"anonymous@{address}", policies=[ONE]) for _ in range(2)]
        await (await world.front_end()).admit(next(SEQUENCES), asked, [])

    assert world.server.hgetall(world.keys.refused) == {b"anonymous:jobs": b"3"}


async def test_the_end_of_a_request_whose_count_is_none_is_no_outage(world: RedisWorld) -> None:
    world.server.set(world.keys.running("ada"), "x")

    assert await (await world.front_end()).admit(next(SEQUENCES), [], [Running(caller="ada", ids="0" * 16)]) == []
