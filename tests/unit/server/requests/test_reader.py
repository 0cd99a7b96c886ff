"""Frames are named as handled once their outcomes are delivered, and read again after any error."""

from __future__ import annotations

import asyncio

import pytest

from broker.common.backoff import Backoff
from broker.contract import Frames
from broker.errors import BrokerError, BrokerUnavailable
from broker.messages import Result
from server.requests.admission import Outbox
from server.requests.breaker import CircuitBreaker
from server.requests.pending import PendingRequests
from server.requests.reader import BLOCK, Reader
from tests.unit.server.stand_in import ScriptedBroker, at_once, running

pytestmark = pytest.mark.anyio


class Script:
    """A broker that gives these frames or errors one after another, and then ends the test's run."""

    def __init__(self, *steps: Frames | Exception) -> None:
        self.steps = list(steps)
        self.asked: list[tuple[int, float]] = []

    async def receive(self, handled: int, wait: float) -> Frames:
        self.asked.append((handled, wait))
        if not self.steps:
            raise asyncio.CancelledError
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def no_requests():
    outbox = Outbox()
    return PendingRequests("f" * 16, outbox, CircuitBreaker(outbox))


async def read(*steps, clock=None, pauses=None):
    async def sleep(seconds):
        if pauses is not None:
            pauses.append(seconds)

    script = Script(*steps)
    pending = no_requests()
    reader = Reader(pending, *([clock] if clock else []), sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await reader.run(script)
    return script, pending, reader


async def test_frames_are_named_as_handled_in_the_next_read():
    script, _, _ = await read(Frames(count=3), Frames(count=0), Frames(count=2))

    assert [handled for handled, _ in script.asked] == [0, 3, 0, 2]


@pytest.mark.parametrize("error", [BrokerUnavailable(), BrokerError("UNBLOCKED")])
async def test_after_an_error_nothing_is_named_as_handled(error):
    script, _, _ = await read(Frames(count=3), error, Frames(count=3))

    assert [handled for handled, _ in script.asked] == [0, 3, 0, 3]


async def test_a_read_waits_only_when_no_frames_were_left_behind():
    script, _, _ = await read(Frames(), Frames(count=256, more=True), Frames(count=1))

    assert [wait for _, wait in script.asked][1:] == [BLOCK, 0.0, BLOCK]


async def test_the_first_read_and_one_after_an_error_do_not_wait_because_the_bell_may_have_rung_for_nobody():
    script, _, _ = await read(Frames(), BrokerUnavailable(), Frames())

    assert [wait for _, wait in script.asked] == [0.0, BLOCK, 0.0, BLOCK]


async def test_frames_that_are_read_twice_are_delivered_once():
    twice = Frames(count=1, outcomes=[Result(job_id="a", output=1)])

    _, pending, _ = await read(twice, BrokerUnavailable(), twice)

    assert pending.unclaimed == 2  # nobody waits in this test; with somebody the second would count, alone


async def test_pauses_after_errors_grow_to_a_second_and_no_further():
    pauses: list[float] = []

    await read(*[BrokerUnavailable()] * 50, pauses=pauses)

    assert min(pauses) >= 0.02
    assert max(pauses[-20:]) <= 1.0


@pytest.mark.parametrize("step", [Frames(), BrokerUnavailable()])
async def test_a_read_that_ends_ticks_however_it_ends(clock, step):
    class Slow(Script):
        async def receive(self, handled, wait):
            clock.tick(1.0)
            return await super().receive(handled, wait)

    reader = Reader(no_requests(), clock, at_once)
    born = reader.ticked

    with pytest.raises(asyncio.CancelledError):
        await reader.run(Slow(step))

    assert reader.ticked == born + 2.0


async def test_after_a_good_read_pauses_are_short_again():
    pauses: list[float] = []

    await read(*[BrokerUnavailable()] * 20, Frames(), BrokerUnavailable(), pauses=pauses)

    assert pauses[-1] == 0.02


def test_pauses_double_at_most():
    backoff = Backoff()

    longest = [max(backoff.pause() for _ in range(1)) for _ in range(4)]

    assert all(pause <= 0.02 * 2**number for number, pause in enumerate(longest))


def test_a_success_makes_pauses_short_again():
    backoff = Backoff()
    for _ in range(20):
        backoff.pause()

    backoff.reset()

    assert (backoff.errors, backoff.pause()) == (0, 0.02)


async def test_an_outcome_that_came_with_a_broken_read_is_delivered_by_the_next():
    broker = ScriptedBroker(answers=False)
    async with running(broker, quick=True) as jitney, jitney.asked("life") as asked:
        broker.receive_errors = [BrokerUnavailable()]
        (job,) = broker.jobs
        broker.publish(Result(job_id=job.id, output="LIFE"))

        answer = await asked

        assert answer.json()["result"] == [{"id": 0, "text": "LIFE"}]
