"""What a batcher claims that waits for callers to come back, with a broker that moves the clock."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from batcher.policy.gathering.decision import Gathering
from broker.messages import Claim, Limits, Speed
from tests.conftest import FakeClock
from tests.unit.batcher.claims_world import LOOK, ScriptedBroker, claims

pytestmark = pytest.mark.anyio


class Waiting(Gathering):
    """Waits until so many are here; notes what it is told."""

    def __init__(self, until: int) -> None:
        super().__init__()
        self.until = until
        self.told: list[dict[str, Any]] = []
        self.seen: list[tuple[list[float], int]] = []
        self.staged: list[bool] = []
        self.ages: list[float] = []
        self.parts = 0

    gathers = property(lambda self: True)

    def may_wait(self) -> bool:
        return self.until > 1

    def may_wait_behind(self, running: int, most: int) -> bool:
        return self.until > 1

    def waits_behind(self, running: int, here: int, most: int) -> bool:
        return here < self.until

    def wait(self, here: int, now: float, most: int, *, oldest: float = 0.0) -> float:
        self.ages.append(oldest)
        return 0.003 if 0 < here < self.until else 0.0

    def most(self, most: int, *, staged: bool) -> int:
        return self.parts or most

    def claimed(self, came: Any, *, left: int, now: float, waited: bool, staged: bool) -> None:
        self.staged.append(staged)
        self.seen.append((list(came), left))

    def answered(self, jobs: int, **times: Any) -> None:
        self.told.append({"jobs": jobs, **times})


@pytest.fixture
def sleeps(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.tick(seconds)

    monkeypatch.setattr("batcher.serving.claims.asyncio.sleep", sleep)
    return slept


async def test_a_first_job_waits_for_callers_that_come_back(clock: FakeClock, sleeps: list[float]) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1, 1000.104, 1000.109])

    batch = await claims(broker, Limits(), gathering=Waiting(3)).when_woken()

    assert batch is not None
    assert (len(batch.claim.jobs), batch.closed_by) == (3, "gathered")
    assert broker.claims[0]["at"] < 1000.109 + 2 * LOOK
    assert 0.0 < batch.window < 0.02


async def test_while_callers_come_back_the_queue_is_looked_at_every_millisecond_at_most(
    clock: FakeClock, sleeps: list[float]
) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1, 1000.15])

    await claims(broker, Limits(), gathering=Waiting(2)).when_woken()

    assert min(sleeps) >= 0.001


async def test_how_long_the_first_job_is_here_is_told(clock: FakeClock, sleeps: list[float]) -> None:
    gathering = Waiting(2)

    await claims(ScriptedBroker(clock, arrivals=[1000.1, 1000.104]), Limits(), gathering=gathering).when_woken()

    assert gathering.ages[0] == pytest.approx(LOOK)


async def test_who_comes_within_the_trip_of_the_claim_is_not_waited_for(clock: FakeClock, sleeps: list[float]) -> None:
    made = claims(ScriptedBroker(clock, arrivals=[1000.1]), Limits(), gathering=Waiting(8))
    made._trip = 0.007  # twice the wait

    batch = await made.when_woken()

    assert batch is not None
    assert (sleeps, batch.closed_by) == ([], "idle")


async def test_the_first_look_waits_for_the_first_job_in_the_same_trip(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1, 1000.1])

    batch = await claims(broker, Limits(), gathering=Waiting(2)).when_woken()

    assert batch is not None
    assert (broker.looks, len(batch.claim.jobs), batch.closed_by) == (1, 2, "idle")


async def test_where_nobody_is_to_come_back_one_trip_claims(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1])

    batch = await claims(broker, Limits(), gathering=Waiting(1)).when_woken()

    assert batch is not None
    assert (broker.looks, batch.closed_by) == (0, "idle")


async def test_a_full_batch_waits_for_nobody(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1, 1000.1, 1000.1], closed_by="size")

    batch = await claims(broker, Limits(max_batch_size=3), gathering=Waiting(8)).when_woken()

    assert batch is not None
    assert (broker.looks, batch.closed_by) == (1, "size")


async def test_jobs_that_others_have_taken_meanwhile_are_not_waited_for(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[])

    assert await claims(broker, Limits(), gathering=Waiting(8)).when_woken() is None
    assert broker.claims == []


async def test_a_batcher_that_stops_while_callers_come_back_claims_nothing(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1])
    made = claims(broker, Limits(), gathering=Waiting(8))

    async def stop(seconds: float) -> None:
        made._stopping.set()

    monkeypatch.setattr("batcher.serving.claims.asyncio.sleep", stop)

    assert await made.when_woken() is None
    assert broker.claims == []


async def test_under_fixed_nobody_is_waited_for_by_what_is_measured(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[1000.1])

    batch = await claims(broker, Limits(policy="fixed", max_wait=0.0), gathering=Waiting(8)).when_woken()

    assert batch is not None
    assert batch.closed_by == "window"


@pytest.mark.parametrize(("here", "is_staged"), [(1, False), (3, True)], ids=["too few", "enough"])
async def test_what_waits_behind_a_running_batch_waits_for_its_callers(
    clock: FakeClock, here: int, is_staged: bool
) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0] * here)
    made = claims(broker, Limits(), gathering=Waiting(3))

    batch = await made.before(asyncio.get_running_loop().create_future(), predicted_end=1000.0, jobs=3)

    assert (batch is not None) is is_staged
    assert made._gathers_with.staged == [True] * is_staged  # type: ignore[union-attr]


async def test_those_who_waited_behind_a_batch_are_claimed_without_a_token(
    clock: FakeClock, sleeps: list[float]
) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0, 1000.05, 1000.06], tokens=[])
    made = claims(broker, Limits(), gathering=Waiting(3))
    await made.before(asyncio.get_running_loop().create_future(), predicted_end=1000.0, jobs=3)

    batch = await made.when_woken()

    assert batch is not None
    assert clock.now < 1000.1


async def test_those_who_have_gathered_are_made_to_part(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0, 999.1, 999.2, 999.3], closed_by="size")
    gathering = Waiting(1)
    gathering.parts = 2

    batch = await claims(broker, Limits(), gathering=gathering).when_woken()

    assert batch is not None
    assert (len(batch.claim.jobs), batch.closed_by) == (2, "idle")


async def test_what_is_learned_from_is_told_on_the_clock_of_this_process(clock: FakeClock) -> None:
    broker, gathering = ScriptedBroker(clock, arrivals=[999.0, 999.5]), Waiting(1)
    made = claims(broker, Limits(), gathering=gathering)
    batch = await made.when_woken()
    assert batch is not None

    batch.start(clock.now, ())
    batch.seconds = 0.010
    clock.tick(0.012)
    made.answered(batch, Speed(fixed=0.010))

    ((came, left),) = gathering.seen
    assert (came, left) == ([999.0, 999.5], 0)
    (told,) = gathering.told
    assert told["jobs"] == 2
    assert told["now"] - told["ended"] == pytest.approx(0.002)
    assert told["stay"] == pytest.approx(2 * clock.now - 999.0 - 999.5)


async def test_a_full_batch_behind_a_running_one_waits_for_nobody(clock: FakeClock) -> None:
    broker = ScriptedBroker(clock, arrivals=[999.0, 999.1, 999.2], closed_by="size")
    made = claims(broker, Limits(max_batch_size=3), gathering=Waiting(8))

    batch = await made.before(asyncio.get_running_loop().create_future(), predicted_end=1000.0, jobs=3)

    assert batch is not None


async def test_what_came_is_told_on_the_clock_of_this_process_whatever_the_brokers_says(clock: FakeClock) -> None:
    class Ahead(ScriptedBroker):
        async def drain(self, *args: Any, **how: Any) -> Claim:
            claim = await super().drain(*args, **how)
            jobs = [structs.replace(job, admitted=job.admitted + 500.0) for job in claim.jobs]
            return replace(claim, claimed=claim.claimed + 500.0, jobs=jobs)

    gathering = Waiting(1)

    await claims(Ahead(clock, arrivals=[999.0]), Limits(), gathering=gathering).when_woken()

    assert gathering.seen == [([999.0], 0)]


class Guessing(Waiting):
    """Goes, and expects jobs behind every batch."""

    gathers = property(lambda self: False)

    def may_stage(self) -> bool:
        return True


@pytest.mark.parametrize(("has_suspects", "is_staged"), [(False, True), (True, False)])
async def test_jobs_are_looked_for_on_a_guess_but_never_beside_suspects(
    clock: FakeClock, has_suspects: bool, is_staged: bool
) -> None:
    made = claims(ScriptedBroker(clock, arrivals=[999.0]), Limits(), gathering=Guessing(1))
    made._may_stage, made.has_suspects = False, has_suspects

    batch = await made.before(asyncio.get_running_loop().create_future(), predicted_end=1000.0)

    assert (batch is not None) is is_staged


@pytest.mark.parametrize(
    ("gathering", "has_backlog", "trips"),
    [
        pytest.param(Guessing(1), False, 2, id="a claim alone"),
        pytest.param(Guessing(1), True, 3, id="in time where a backlog waits"),
        pytest.param(Waiting(2), False, 3, id="a look and a claim"),
    ],
)
async def test_a_busy_card_claims_as_late_as_its_trips_allow(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, gathering: Gathering, has_backlog: bool, trips: int
) -> None:
    waited: list[float] = []

    async def wait(futures: Any, timeout: float) -> None:
        waited.append(timeout)

    monkeypatch.setattr("batcher.serving.claims.asyncio.wait", wait)
    made = claims(ScriptedBroker(clock, arrivals=[999.0]), Limits(), gathering=gathering)
    made._trip, made._may_wait = 0.010, has_backlog

    await made.before(asyncio.get_running_loop().create_future(), predicted_end=clock.now + 0.1)

    assert waited == [pytest.approx(0.1 - trips * 0.010)]
