"""What operators see of callers, on real servers and as the operator's user: keys, turns, refusals, what is left."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from broker.admin.overview import CallerOverview
from broker.admin.redis import RedisAdmin
from broker.credentials.credential import Credential, encode_credential, list_of
from broker.credentials.policies import parse_policies
from broker.messages import FailureCode, Lane
from tests.contract.worlds import FRONT_END, RedisWorld, job, request

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
ALICE, BOB = "a" * 12, "b" * 12
SEQUENCES = count(100)


def keep(admin: RedisAdmin, id: str, **fields: Any) -> None:
    """A key of this id."""
    made = Credential(id=id, hash="0" * 64, **fields)
    assert admin.change_credential(id, b"", encode_credential(made))


async def ask(world: RedisWorld, id: str, limits: str = "", *, jobs: int = 1, lane: Lane = Lane.INTERACTIVE) -> Any:
    """A request of this caller's; why it was refused."""
    policies, brought = parse_policies(limits), [job(cost=2) for _ in range(jobs)]
    asked = request(*brought, lane=lane, list=list_of(id), caller=id, policies=policies)
    [verdict] = await (await world.front_end(FRONT_END)).admit(next(SEQUENCES), [asked], [])
    return verdict.refusal


def left(one: CallerOverview) -> dict[str, tuple[int | None, int]]:
    """By policy: what is left, how often it refused."""
    return {limit.name: (limit.left, limit.refused) for limit in one.limits}


async def test_without_keys_and_refusals_there_is_nobody(world: RedisWorld, admin: RedisAdmin) -> None:
    await world.admit(job())

    seen = admin.overview().callers

    assert (seen.keys, seen.version, list(seen.shown), seen.is_complete) == (0, "", [], True)


async def test_what_is_left_to_a_caller_is_what_admission_says(world: RedisWorld, admin: RedisAdmin) -> None:
    limits = "10 jobs/h, 1000 tokens/day, 2 at once, 1 requests/s"
    keep(admin, ALICE, name="alice", limits=limits)
    assert await ask(world, ALICE, limits, jobs=4) is None
    assert await ask(world, ALICE, limits, jobs=7) is FailureCode.RATE_LIMITED

    [alice] = admin.overview().callers.shown

    of_hour, of_day, at_once, of_second = left(alice).values()
    assert (of_hour, of_day, at_once) == ((6, 1), (992, 0), (1, 0))
    assert of_second[1] == 0
    assert (alice.name, alice.waiting, alice.list) == ("alice", 4, list_of(ALICE))


async def test_what_a_rate_has_used_leaks_away(world: RedisWorld, admin: RedisAdmin) -> None:
    keep(admin, ALICE, limits="10 jobs/s")
    await ask(world, ALICE, "10 jobs/s", jobs=10)
    await world.pass_time(1.1)

    [alice] = admin.overview().callers.shown

    assert left(alice) == {"jobs": (10, 0)}


async def test_what_should_have_ended_is_under_way_no_more(world: RedisWorld, admin: RedisAdmin) -> None:
    keep(admin, ALICE, limits="4 at once")
    later = int(world.server.time()[0] + 60) * 1000
    world.server.zadd(world.keys.running(ALICE), {b"lost": 1, b"running": later})

    [alice] = admin.overview().callers.shown

    assert left(alice) == {"concurrency": (3, 0)}


async def test_jobs_are_counted_by_list_and_by_lane(world: RedisWorld, admin: RedisAdmin) -> None:
    await ask(world, ALICE, jobs=3)
    await ask(world, BOB, jobs=2, lane=Lane.BULK)

    [interactive, bulk] = admin.overview().models[0].lanes

    assert [jobs for jobs in interactive.lists if jobs] == [interactive.lists[list_of(ALICE)]] == [3]
    assert [jobs for jobs in bulk.lists if jobs] == [bulk.lists[list_of(BOB)]] == [2]


async def test_whoever_was_refused_is_shown_without_a_key_of_the_brokers_too(
    world: RedisWorld, admin: RedisAdmin
) -> None:
    for _ in range(3):
        await ask(world, "anonymous@0a1b", "1 requests/h")

    [one] = admin.overview().callers.shown

    assert (one.id, one.credential, left(one)) == ("anonymous", None, {"requests": (None, 2)})


async def test_of_very_many_callers_those_who_were_refused_are_shown_first_and_a_look_stays_bounded(
    world: RedisWorld, admin: RedisAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.admin.redis.CALLERS_READ", 10)
    entries = {id: encode_credential(Credential(id=id, hash="0" * 64, limits="1 jobs/h")) for id in many(3000)}
    world.server.hset(world.keys.credentials, mapping=entries | {"#version": b"7"})
    for id in many(30):
        await ask(world, id, "1 jobs/h", jobs=2)  # more than a whole rate, and nothing of it is used
        await ask(world, id, "1 jobs/h")

    seen = admin.overview().callers

    assert (seen.keys, seen.is_complete, len(seen.shown)) == (3000, False, 20)
    assert len(seen.credentials) < 200
    assert all(left(one) == {"jobs": (0, 1)} for one in seen.shown)


def many(count: int) -> list[str]:
    letters = "abcdefghij"
    return ["k" * 8 + "".join(letters[int(digit)] for digit in f"{number:04}") for number in range(count)]


async def test_rubbish_among_keys_is_told_by_its_id_and_hides_no_other(world: RedisWorld, admin: RedisAdmin) -> None:
    keep(admin, ALICE)
    world.server.hset(world.keys.credentials, BOB, b"rubbish")
    world.server.hset(world.keys.refused, mapping={b"\xff": b"x", b"no colon": b"1", f"{ALICE}:jobs": b"many"})
    world.server.lpush(world.keys.rate(ALICE, "jobs"), b"no string")

    seen = admin.overview()

    assert ([one.id for one in seen.callers.shown], [*seen.callers.unreadable]) == ([ALICE], [BOB])
    assert seen.wrong_type == []


async def test_a_use_of_a_wrong_type_counts_as_none(world: RedisWorld, admin: RedisAdmin) -> None:
    keep(admin, ALICE, limits="10 jobs/h, 2 at once")
    world.server.lpush(world.keys.rate(ALICE, "jobs"), b"no string")
    world.server.set(world.keys.running(ALICE), b"no set")

    [alice] = admin.overview().callers.shown

    assert left(alice) == {"jobs": (10, 0), "concurrency": (2, 0)}
