"""The counters of a lane are the sums of what is in it, whatever becomes of its jobs."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from msgspec import structs

from broker.header import number
from broker.messages import Job, Lane
from broker.wire import size_with_body
from tests.contract.test_twins import ACTIONS, BOUNDS, History
from tests.contract.worlds import LIMITS, MODEL, SHORT, RedisWorld, job, request

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
STEPS = 60


def counted(world: RedisWorld, lane: Lane) -> tuple[int, int]:
    """Tokens and bytes, as the scripts count them."""
    counters = (world.keys.tokens(MODEL, lane), world.keys.lane_bytes(MODEL, lane))
    return tuple(int(world.server.get(key) or 0) for key in counters)


def held(world: RedisWorld, lane: Lane) -> tuple[int, int]:
    """Tokens and bytes of the jobs that are there."""
    jobs = world.server.lrange(world.keys.queue(MODEL, lane), 0, -1)
    return sum(number(one, "cost") for one in jobs), sum(map(size_with_body, jobs))


class Varied(History):
    """Some jobs cost nothing, and some expire."""

    def _job(self) -> Job:
        return structs.replace(super()._job(), cost=self.dice.choice([0, 7, 30]))

    async def expire(self, step: str) -> None:
        front_end = await self.world.front_end(**BOUNDS)
        asked = request(self._job(), self._job(), lane=self.dice.choice(list(Lane)), time_left=SHORT)
        await front_end.admit(int(step) + 1, [asked], {})
        await self.world.pass_time(2 * SHORT)


@pytest.mark.parametrize("seed", range(4))
async def test_counters_are_the_sums_after_every_step(world: RedisWorld, seed: int) -> None:
    history = Varied(world, random.Random(seed))
    history.batchers = [await world.batcher(), await world.batcher(lease=SHORT)]
    for step in range(STEPS):
        action = history.dice.choice([*ACTIONS, "expire"])

        await getattr(history, action)(str(step))

        assert [counted(world, lane) for lane in Lane] == [held(world, lane) for lane in Lane], (step, action)


async def test_a_job_that_costs_nothing_takes_no_tokens_of_others_with_it(world: RedisWorld) -> None:
    batcher = await world.batcher()
    await world.admit(job(cost=0), job(cost=5), job(cost=7))

    await batcher.drain("1", replace(LIMITS, max_batch_size=1), staged=False, suspects=False)

    assert (await batcher.depth()).tokens == 12


async def test_counters_that_outlived_their_queue_count_for_nothing(world: RedisWorld) -> None:
    front_end = await world.front_end(max_queue_tokens=100)
    world.server.set(world.keys.tokens(MODEL, Lane.INTERACTIVE), 1_000)
    world.server.set(world.keys.lane_bytes(MODEL, Lane.INTERACTIVE), 1 << 30)

    verdicts = await front_end.admit(1, [request(job(cost=10)), request(job(cost=20))], {})

    assert [verdict.refusal for verdict in verdicts] == [None, None]
    assert counted(world, Lane.INTERACTIVE) == held(world, Lane.INTERACTIVE)
