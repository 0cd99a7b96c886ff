"""When and what a batcher claims, with a broker that moves the clock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from batcher.claims import Claims
from batcher.patience import Patience
from broker.errors import BrokerUnavailable
from broker.messages import Claim, Depth, Job, Limits
from tests.conftest import FakeClock

pytestmark = pytest.mark.anyio
LOOK = 0.002  # seconds that each look at the queue takes


@dataclass
class ScriptedBroker:
    """Jobs arrive at their times; every look at the queue takes a moment; claims are noted with their time."""

    clock: FakeClock
    arrivals: list[float] = field(default_factory=list)
    closed_by: str = "empty"
    claims: list[dict[str, Any]] = field(default_factory=list)
    losses: int = 0  # answers that get lost on their way

    async def wait(self, timeout: float) -> bool:
        self.clock.now = max(self.clock.now, min(self.arrivals, default=self.clock.now + timeout))
        return bool(self.arrivals)

    async def depth(self) -> Depth:
        self.clock.tick(LOOK)
        waiting = self._waiting()
        oldest = min(waiting, default=self.clock.now)
        return Depth(jobs=len(waiting), tokens=len(waiting), oldest_age=self.clock.now - oldest)

    async def drain(self, batch: str, limits: Limits, *, staged: bool, suspects: bool, wait: float = 0.0) -> Claim:
        if wait:
            await self.wait(wait)
        self.claims.append({"batch": batch, "at": self.clock.now, "suspects": suspects, "wait": wait})
        if self.losses:
            self.losses -= 1
            raise BrokerUnavailable
        waiting = self._waiting()[: limits.max_batch_size]
        self.arrivals = [at for at in self.arrivals if at not in waiting]
        jobs = [Job(id=str(at), front_end="f", input="x", admitted=at, deadline=1e9) for at in waiting]
        left = len(self._waiting())
        return Claim(batch=batch, jobs=jobs, left=left, claimed=self.clock.now, closed_by=self.closed_by)

    def _waiting(self) -> list[float]:
        return [at for at in self.arrivals if at <= self.clock.now]


def claims(broker: ScriptedBroker, limits: Limits) -> Claims:
    stopping = asyncio.Event()
    patience = Patience(stopping, on_wait=lambda: None)
    made = Claims(broker, limits, batcher="b", patience=patience, stopping=stopping, clock=broker.clock)  # type: ignore[arg-type]
    made._may_wait, made._may_stage = False, True
    return made


async def test_under_adaptive_a_lone_job_leaves_at_once(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1])

    batch = await claims(broker, Limits(policy="adaptive", max_wait=5.0)).when_woken()

    assert batch is not None
    assert broker.claims[0]["at"] == pytest.approx(1000.1)
    assert batch.closed_by == "idle"


async def test_under_fixed_a_lone_job_waits_for_company_until_max_wait(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1])

    batch = await claims(broker, Limits(policy="fixed", max_wait=0.010)).when_woken()

    assert batch is not None
    assert 1000.110 <= broker.claims[0]["at"] <= 1000.110 + LOOK
    assert batch.closed_by == "window"


async def test_under_fixed_a_full_batch_leaves_before_max_wait(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1, 1000.101, 1000.102])
    broker.closed_by = "size"

    batch = await claims(broker, Limits(policy="fixed", max_wait=5.0, max_batch_size=3)).when_woken()

    assert batch is not None
    assert broker.claims[0]["at"] <= 1000.102 + 2 * LOOK
    assert (len(batch.claim.jobs), batch.closed_by) == (3, "size")


async def test_a_busy_card_claims_nothing_while_a_fixed_window_is_open(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.0])
    running = asyncio.get_running_loop().create_future()

    batch = await claims(broker, Limits(policy="fixed", max_wait=5.0)).before(running, predicted_end=1000.01)

    assert batch is None
    assert broker.claims == []


async def test_a_busy_card_claims_what_gathered_just_before_it_comes_free(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0, 999.5])
    running = asyncio.get_running_loop().create_future()

    batch = await claims(broker, Limits()).before(running, predicted_end=1000.0)

    assert batch is not None
    assert (len(batch.claim.jobs), batch.is_staged, batch.closed_by) == (2, True, "busy")


async def test_a_card_that_had_to_wait_for_its_job_looks_for_no_other_while_it_computes(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1])
    made = claims(broker, Limits())
    await made.when_woken()
    running = asyncio.get_running_loop().create_future()

    batch = await made.before(running, predicted_end=clock.now)

    assert batch is None
    assert len(broker.claims) == 1


async def test_a_card_that_found_jobs_waiting_claims_the_next_ones_while_it_computes(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0])
    made = claims(broker, Limits())
    made._may_stage = False
    await made.when_woken()
    broker.arrivals = [clock.now]
    running = asyncio.get_running_loop().create_future()

    batch = await made.before(running, predicted_end=clock.now)

    assert batch is not None
    assert batch.is_staged


async def test_nothing_is_staged_for_a_batch_that_is_done_already(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0])
    running = asyncio.get_running_loop().create_future()
    running.set_result(None)

    assert await claims(broker, Limits()).before(running, predicted_end=2000.0) is None


async def test_suspects_take_turns_with_new_work_which_goes_first(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0])
    made = claims(broker, Limits())

    for closed_by in ("empty", "suspects", "empty"):
        broker.closed_by = closed_by
        await made.when_woken()

    assert [claim["suspects"] for claim in broker.claims] == [False, True, False]


async def test_no_two_claims_have_the_same_name(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0])
    made = claims(broker, Limits())

    for _ in range(3):
        await made.when_woken()

    assert len({claim["batch"] for claim in broker.claims}) == 3


async def test_nothing_is_staged_beside_suspects_because_it_would_share_the_blame(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0], closed_by="suspects")
    made = claims(broker, Limits())
    await made.when_woken()
    broker.arrivals = [clock.now]
    running = asyncio.get_running_loop().create_future()

    assert await made.before(running, predicted_end=clock.now) is None


async def test_a_claim_whose_answer_was_lost_is_asked_for_again_without_waiting(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0], losses=1)

    batch = await claims(broker, Limits()).when_woken()

    assert batch is not None
    assert [claim["wait"] > 0.0 for claim in broker.claims] == [True, False]
    assert len({claim["batch"] for claim in broker.claims}) == 1
