"""What waits while a model's revision is replaced by another."""

from __future__ import annotations

import asyncio

import pytest

from broker.messages import FailureCode, Result, Verdict
from tests.unit.server.stand_in import ScriptedBroker, WordCodec, announced, at_once, card, running

pytestmark = pytest.mark.anyio


async def test_what_waits_for_a_dead_revision_is_encoded_anew_for_the_live_one():
    broker = ScriptedBroker([announced(card(revision="r1"))], answers=False)
    async with running(broker) as jitney, jitney.asked("one") as asked:
        dead, live = announced(card(revision="r1"), batchers=0), announced(card(revision="r2"), since=2.0)
        broker.announcements, broker.answers = [dead, live], True
        await jitney.look()

        answer = await asked

        assert answer.json()["result"] == [{"id": 0, "text": "ONE"}]
        assert [(request.model, request.jobs[0].input) for _, requests, _ in broker.trips for request in requests] == [
            ("echo@r1", "r1:one"),
            ("echo@r2", "r2:one"),
        ]


async def test_a_refusal_that_was_under_way_when_its_request_was_encoded_anew_does_not_end_it():
    class Slow(ScriptedBroker):
        async def admit(self, sequence, requests, cancelled):
            verdicts = await super().admit(sequence, requests, cancelled)
            await may_return.wait()
            return verdicts

    may_return = asyncio.Event()
    broker = Slow([announced(card(revision="r1"))], verdict=Verdict(refusal=FailureCode.CONTENDED))
    async with running(broker) as jitney, jitney.asked("one") as asked:
        broker.announcements = [announced(card(revision="r2"), since=2.0)]
        await jitney.look()
        broker.verdict = Verdict()
        may_return.set()

        answer = await asked

        assert (answer.status_code, answer.json()["result"]) == (200, [{"id": 0, "text": "ONE"}])


async def test_what_waits_for_a_revision_that_still_drains_is_left_alone():
    broker = ScriptedBroker([announced(card(revision="r1"))], answers=False)
    async with running(broker) as jitney, jitney.asked("one"):
        broker.announcements = [announced(card(revision="r1")), announced(card(revision="r2"), since=2.0)]
        await jitney.look()
        await at_once(0)

        assert len(broker.trips) == 1


async def test_what_was_asked_of_the_old_revision_is_decoded_by_its_codec():
    class Signing(WordCodec):
        def decode(self, plan, outputs):
            return {"text": f"{self.card.revision} read {outputs[0]}"}

    broker = ScriptedBroker([announced(card(revision="r1"))], answers=False)
    async with running(broker, make_codec=Signing) as jitney, jitney.asked("one") as asked:
        broker.announcements.append(announced(card(revision="r2"), since=2.0))
        await jitney.look()
        broker.publish(Result(job_id=broker.jobs[0].id, output="ONE"))

        answer = await asked

        assert answer.json()["result"] == [{"id": 0, "text": "r1 read ONE"}]


async def test_while_many_requests_are_encoded_anew_others_get_their_turn():
    old, new = announced(card(revision="r1")), announced(card(revision="r2"), since=2.0)
    turns = []

    async def others():
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    broker = ScriptedBroker([old], answers=False)
    async with running(broker) as jitney:
        asking = [asyncio.create_task(jitney.ask("one")) for _ in range(100)]
        await jitney.until(lambda: len(broker.jobs) == 100)
        broker.announcements = [old, new]
        await jitney.look()  # makes the codec of r2
        broker.announcements, broker.answers = [new], True
        other = asyncio.create_task(others())
        await jitney.look()
        other.cancel()

        answers = await asyncio.gather(*asking)

        assert {answer.status_code for answer in answers} == {200}
        assert len(turns) >= 3
