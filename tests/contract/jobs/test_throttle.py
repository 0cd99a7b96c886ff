"""ADMIT: what a caller may ask for, by rate, by day and at once, decided in the trip that is made anyway."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from broker.messages import REQUEST, Allowance, FailureCode, Policy, Running, Verdict
from tests.contract.worlds import World, job, request

pytestmark = pytest.mark.anyio
JOBS = Policy(name="jobs", unit="jobs", quota=10, window=2.0)
SLOW = Policy(name="jobs", unit="jobs", quota=10, window=60.0)
TOKENS = Policy(name="tokens", unit="tokens", quota=100, window=60.0)
REQUESTS = Policy(name="requests", unit="requests", quota=2, window=10.0)
DAY = Policy(name="day", unit="jobs", quota=5, window=86_400.0, kind="day")
AT_ONCE = Policy(name="concurrency", unit="requests", quota=2, window=0.0, kind="concurrency")


class Caller:
    """Asks by one front end, as one caller."""

    _sequences = count(100)

    def __init__(self, world: World, *policies: Policy, name: str = "alice", front_end: str = "f" * 16) -> None:
        self._world, self._policies, self._name, self._front_end = world, policies, name, front_end

    async def ask(self, *jobs: int, **how: Any) -> list[Verdict]:
        """A request for each, of so many jobs; in one trip."""
        limits = {"caller": self._name, "policies": self._policies}
        asked = [request(*[job(cost=how.get("cost", 1)) for _ in range(size)], **limits) for size in jobs]
        self.asked = asked
        return await (await self._world.front_end(self._front_end)).admit(next(self._sequences), asked, [])

    async def is_let_in(self, *jobs: int, **how: Any) -> list[bool]:
        return [verdict.refusal is None for verdict in await self.ask(*jobs, **how)]

    async def end(self, *ids: str) -> None:
        front_end = await self._world.front_end(self._front_end)
        await front_end.admit(next(self._sequences), [], [Running(caller=self._name, ids=one) for one in ids])


async def test_a_rate_lets_its_quota_through_at_once_and_then_its_rate(world: World) -> None:
    alice = Caller(world, JOBS)

    assert await alice.is_let_in(4, 6, 1) == [True, True, False]
    await world.pass_time(0.25)
    assert await alice.is_let_in(1, 1) == [True, False]
    await world.pass_time(2.1)
    assert await alice.is_let_in(10, 1) == [True, False]


async def test_the_verdict_tells_what_is_left_and_when_there_is_more(world: World) -> None:
    alice = Caller(world, JOBS, TOKENS)

    [first, second] = await alice.ask(4, 8, cost=5)

    assert first.allowances == (Allowance(left=6, reset=0.8), Allowance(left=80, reset=12.0))
    assert (second.refusal, second.policy) == (FailureCode.RATE_LIMITED, 0)
    assert second.allowances == (Allowance(left=6, reset=0.4), Allowance(left=80, reset=12.0))


async def test_a_refused_request_uses_nothing_of_any_policy(world: World) -> None:
    alice = Caller(world, JOBS, TOKENS)

    [refused] = await alice.ask(1, cost=90)
    [large] = await alice.ask(5, cost=30)
    [fine] = await alice.ask(9)

    assert (refused.refusal, large.refusal, large.policy, fine.refusal) == (None, FailureCode.RATE_LIMITED, 1, None)


async def test_a_request_above_the_whole_quota_goes_when_nothing_is_used_and_is_paid_off(world: World) -> None:
    alice = Caller(world, JOBS)

    assert await alice.is_let_in(20) == [True]
    await world.pass_time(1.8)
    assert await alice.is_let_in(1) == [False]
    await world.pass_time(0.5)
    assert await alice.is_let_in(1) == [True]


async def test_callers_have_a_quota_each_whatever_their_front_end(world: World) -> None:
    here, there = Caller(world, REQUESTS), Caller(world, REQUESTS, front_end="e" * 16)
    bob = Caller(world, REQUESTS, name="bob")

    assert [await here.is_let_in(1), await there.is_let_in(1), await there.is_let_in(1)] == [[True], [True], [False]]
    assert await bob.is_let_in(1, 1, 1) == [True, True, False]


async def test_the_same_sequence_is_charged_once(world: World) -> None:
    front_end, asked = await world.front_end(), [request(job(), caller="alice", policies=[REQUESTS])]

    first = await front_end.admit(1, asked, [])
    again = await front_end.admit(1, asked, [])
    last = await front_end.admit(2, asked, [])

    assert first == again
    assert [one.left for one in (*first[0].allowances, *last[0].allowances)] == [1, 0]


async def test_a_day_has_its_quota_and_no_more(world: World) -> None:
    alice = Caller(world, DAY)

    assert await alice.is_let_in(3, 2, 1) == [True, True, False]
    [refused] = await alice.ask(1)
    assert refused.policy == 0
    assert 0.0 < refused.allowances[0].reset <= 86_400.0


async def test_so_many_requests_at_once_until_one_of_them_ends(world: World) -> None:
    alice = Caller(world, AT_ONCE)
    assert await alice.is_let_in(3, 3, 3) == [True, True, False]

    await alice.end(alice.asked[0].jobs[0].id[:REQUEST])

    assert await alice.is_let_in(3, 3) == [True, False]


async def test_those_that_nobody_ended_count_no_longer_than_they_may_last(world: World) -> None:
    alice = Caller(world, AT_ONCE)
    front_end = await world.front_end()
    brief = [request(job(), caller="alice", policies=[AT_ONCE], time_left=0.2) for _ in range(2)]
    await front_end.admit(1, brief, [])

    assert await alice.is_let_in(1) == [False]
    await world.pass_time(1.3)
    assert await alice.is_let_in(1) == [True]


async def test_a_full_lane_charges_nobody(world: World) -> None:
    front_end = await world.front_end("d" * 16, max_queue_jobs=3)
    asked = [request(*[job() for _ in range(2)], caller="alice", policies=[SLOW]) for _ in range(2)]

    verdicts = await front_end.admit(1, asked, [])
    [last] = await Caller(world, SLOW).ask(1)

    assert [verdict.refusal for verdict in verdicts] == [None, FailureCode.CONTENDED]
    assert last.allowances[0].left == 7


async def test_what_is_brought_again_is_not_charged_beside_what_is_new(world: World) -> None:
    front_end = await world.front_end()
    new = [request(job(), caller="alice", policies=[REQUESTS]) for _ in range(3)]

    verdicts = await front_end.admit(1, [*new, request(job(), caller="alice")], [])

    assert [verdict.refusal for verdict in verdicts] == [None, None, FailureCode.RATE_LIMITED, None]
    assert verdicts[-1].allowances == ()


async def test_policies_that_change_between_two_requests_count_for_those_that_come_after(world: World) -> None:
    front_end = await world.front_end()
    asked = [request(job(), caller="alice", policies=limits) for limits in ([SLOW, TOKENS], [REQUESTS])]

    verdicts = await front_end.admit(1, asked, [])
    if len(verdicts) < len(asked):
        verdicts += await front_end.admit(2, asked[len(verdicts) :], [])

    assert [[one.left for one in verdict.allowances] for verdict in verdicts] == [[9, 99], [1]]


async def test_who_is_not_limited_is_told_nothing(world: World) -> None:
    [verdict] = await (await world.front_end()).admit(1, [request(job(), caller="alice")], [])

    assert verdict == Verdict(waiting=1)
