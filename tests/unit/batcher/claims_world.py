"""Claims of a batcher whose broker moves the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from batcher.policy.gathering.decision import Gathering
from batcher.serving.claims import Claims
from batcher.serving.retry import Retry
from broker.errors import BrokerUnavailable
from broker.messages import Claim, Depth, Job, Lane, Limits
from tests.conftest import FakeClock

LOOK = 0.002  # seconds that each look at the queue takes


@dataclass
class ScriptedBroker:
    """Jobs arrive at their times; every look at the queue takes a moment; claims are noted with their time."""

    clock: FakeClock
    arrivals: list[float] = field(default_factory=list)
    closed_by: str = "empty"
    claims: list[dict[str, Any]] = field(default_factory=list)
    losses: int = 0  # answers that get lost on their way
    lane: Lane = Lane.INTERACTIVE  # of all jobs
    attempts: int = 0  # of all jobs
    tokens: list[float] | None = None  # when wake tokens come; None: with each job
    looks: int = 0

    async def wait(self, timeout: float) -> bool:
        if self.tokens is not None:
            due = next((at for at in self.tokens if at <= self.clock.now + timeout), self.clock.now + timeout)
            self.tokens = [at for at in self.tokens if at > due]
            self.clock.now = max(self.clock.now, due)
            return True
        self.clock.now = max(self.clock.now, min(self.arrivals, default=self.clock.now + timeout))
        return bool(self.arrivals)

    async def depth(self, *, wait: float = 0.0) -> Depth:
        if wait:
            await self.wait(wait)
        self.clock.tick(LOOK)
        self.looks += 1
        waiting = self._waiting()
        oldest = min(waiting, default=self.clock.now)
        return Depth(jobs=len(waiting), tokens=len(waiting), oldest_age=self.clock.now - oldest)

    async def drain(
        self, batch: str, limits: Limits, *, staged: bool, suspects: bool, wait: float = 0.0, bulk_after: float
    ) -> Claim:
        if wait:
            await self.wait(wait)
        note = {"batch": batch, "at": self.clock.now, "suspects": suspects, "wait": wait, "bulk_after": bulk_after}
        self.claims.append(note)
        if self.losses:
            self.losses -= 1
            raise BrokerUnavailable
        waiting = self._waiting()[: limits.max_batch_size]
        self.arrivals = [at for at in self.arrivals if at not in waiting]
        how = {"lane": self.lane, "attempts": self.attempts, "deadline": 1e9}
        jobs = [Job(id=str(at), front_end="f", input="x", admitted=at, **how) for at in waiting]
        left = len(self._waiting())
        return Claim(batch=batch, jobs=jobs, left=left, claimed=self.clock.now, closed_by=self.closed_by)

    def _waiting(self) -> list[float]:
        return [at for at in self.arrivals if at <= self.clock.now]


def new_claims(
    broker: ScriptedBroker,
    limits: Limits,
    predict: Callable[[int], float] = lambda jobs: 0.0,
    gathering: Gathering | None = None,
) -> Claims:
    stopping = asyncio.Event()
    retry = Retry(stopping, on_wait=lambda: None)
    return Claims(
        broker,  # type: ignore[arg-type]
        limits,
        batcher="b",
        retry=retry,
        stopping=stopping,
        clock=broker.clock,
        predict=predict,
        gathering=gathering,
    )


def claims(
    broker: ScriptedBroker,
    limits: Limits,
    predict: Callable[[int], float] = lambda jobs: 0.0,
    gathering: Gathering | None = None,
) -> Claims:
    """Of a batcher that has claimed before."""
    made = new_claims(broker, limits, predict, gathering)
    made._may_wait, made._may_stage = False, True
    return made
