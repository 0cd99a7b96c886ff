"""The twin and the real thing live through the same random history and say the same at every step."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from broker.contract import BatcherBroker
from broker.messages import Claim, Failure, FailureCode, Finish, Job, Lane, Outcome
from tests.contract.servers import Server
from tests.contract.worlds import LIMITS, SHORT, MemoryWorld, RedisWorld, World, cancel, ids, job, request, results

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
STEPS = 60
LARGE = b"x" * 20_000
BOUNDS = {"max_queue_jobs": 20, "max_queue_tokens": 500, "max_queue_bytes": 4 * len(LARGE)}
ACTIONS = ["admit"] * 5 + ["drain"] * 5 + ["finish"] * 3 + ["fail", "start", "release", "cancel", "crash", "again"]


@dataclass
class History:
    """One world and what has happened in it. The same dice make the same history."""

    world: World
    dice: random.Random
    batchers: list[BatcherBroker] = field(default_factory=list)
    claims: dict[str, Claim] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    said: list[Any] = field(default_factory=list)

    async def live(self) -> list[Any]:
        """Every answer that the broker gave, in order."""
        self.batchers = [await self.world.batcher(), await self.world.batcher(lease=SHORT)]
        for step in range(STEPS):
            await getattr(self, self.dice.choice(ACTIONS))(str(step))
            depth = await self.batchers[0].depth()
            self.said.append((step, depth.jobs, depth.tokens))
        return [*self.said, await self._first_outcomes()]

    async def _first_outcomes(self) -> list[Outcome]:
        """A result may be published twice; front ends know a job once."""
        first: dict[str, Outcome] = {}
        for outcome in await self.world.outcomes():
            first.setdefault(outcome.job_id, outcome)
        return list(first.values())

    async def admit(self, step: str) -> None:
        jobs = [self._job() for _ in range(self._few())]
        front_end = await self.world.front_end(**BOUNDS)
        bound = {"most_ahead": self.dice.choice([None, -1, 3, 12, 30]), "room": self.dice.randint(0, 4)}
        asked = request(*jobs, lane=self.dice.choice(list(Lane)), time_left=1_000.0, **bound)
        self.said += await front_end.admit(int(step) + 1, [asked], {})
        self.jobs += jobs

    def _job(self) -> Job:
        """One in four is so large that its body lies apart."""
        input = LARGE if self.dice.random() < 0.25 else [7]
        return job(id=f"{self.dice.getrandbits(128):032x}", cost=self.dice.randint(1, 60), input=input)

    async def drain(self, step: str) -> None:
        limits = replace(LIMITS, max_batch_size=self.dice.randint(1, 24), max_batch_tokens=self.dice.randint(30, 300))
        how = {"staged": self.dice.random() < 0.5, "suspects": self.dice.random() < 0.5}
        claim = await self.batchers[0].drain(step, limits, bulk_after=self.dice.choice([0.0, 1_000.0]), **how)
        self.claims[step] = claim
        self._note(claim)

    async def again(self, step: str) -> None:
        """The answer was lost."""
        if batch := self._batch():
            self.said.append(ids(await self.batchers[0].drain(batch, LIMITS, staged=True, suspects=True)))

    async def finish(self, step: str) -> None:
        if batch := self._batch():
            others = {self._batch() for _ in range(self.dice.randint(0, 2))}
            ended = [self._ended(one) for one in sorted({batch} | others)]
            await self.batchers[0].finish(ended, starts=self._batch())

    def _ended(self, batch: str) -> Finish:
        done = self.dice.random() < 0.7
        jobs = self.claims[batch].jobs if done else self.claims[batch].jobs[: self._few()]
        return Finish(batch=batch, results=results(*jobs), done=done)

    async def fail(self, step: str) -> None:
        if batch := self._batch():
            failing = self.claims[batch].jobs[: self._few()]
            await self.batchers[0].fail(
                batch, [Failure(job_id=one.id, code=FailureCode.MODEL_ERROR, message="no") for one in failing]
            )

    async def start(self, step: str) -> None:
        if batch := self._batch():
            await self.batchers[0].start(batch)

    async def release(self, step: str) -> None:
        if batch := self._batch():
            await self.batchers[0].release(batch)

    async def cancel(self, step: str) -> None:
        if self.jobs:
            said = [cancel(self.dice.choice(self.jobs))]
            await (await self.world.front_end(**BOUNDS)).admit(0, [], said)

    async def crash(self, step: str) -> None:
        hasty = self.batchers[1]
        claim = await hasty.drain(step, LIMITS, staged=self.dice.random() < 0.3, suspects=self.dice.random() < 0.7)
        await self.world.pass_time(2 * SHORT)
        self._note(claim)
        self.said.append(await hasty.reclaim())

    def _note(self, claim: Claim) -> None:
        self.said.append((ids(claim), [one.attempts for one in claim.jobs], claim.left, claim.closed_by))

    def _few(self) -> int:
        return self.dice.randint(1, 4)

    def _batch(self) -> str | None:
        """One that was claimed at some time: alive or long gone."""
        return self.dice.choice(list(self.claims)) if self.claims else None


@pytest.fixture
async def twins(
    kind: str, servers: dict[str, Server], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[World]]:
    pair: list[World] = [MemoryWorld(clock), RedisWorld(servers[kind].url, monkeypatch)]
    yield pair
    for world in pair:
        await world.close()


@pytest.mark.parametrize("seed", range(10))
async def test_the_twins_say_the_same_about_the_same_history(twins: list[World], seed: int) -> None:
    memory, real = [await History(world, random.Random(seed)).live() for world in twins]

    assert memory == real
