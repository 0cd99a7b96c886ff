"""What cannot be computed now, or not in time: 429, 503, 504 and 408, and when to come back."""

from __future__ import annotations

import pytest

from broker.errors import BrokerFull, BrokerUnavailable
from broker.messages import FailureCode, Speed, Verdict
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running, told

pytestmark = pytest.mark.anyio


async def test_a_refused_request_is_429():
    async with running(ScriptedBroker(verdict=Verdict(refusal=FailureCode.CONTENDED, waiting=500))) as jitney:
        answer = await jitney.ask("life")

        assert told(answer) == (429, "contended")


async def test_the_retry_after_of_429_is_what_waits_over_what_the_batchers_give():
    busy = announced(card(), batchers=2, speed=Speed(fixed=0.5, per_job=0.005), room=100)  # 2 × 100 jobs a second
    broker = ScriptedBroker([busy], verdict=Verdict(refusal=FailureCode.CONTENDED, waiting=1_900))
    async with running(broker) as jitney:
        answer = await jitney.ask("life")

        assert answer.headers["retry-after"] == "10"


async def test_the_retry_after_of_429_is_one_while_no_batcher_knows_its_speed():
    async with running(ScriptedBroker(verdict=Verdict(refusal=FailureCode.CONTENDED, waiting=1_900))) as jitney:
        answer = await jitney.ask("life")

        assert answer.headers["retry-after"] == "1"


async def test_a_request_that_would_be_too_late_is_429_and_told_when_to_come_back():
    busy = announced(card(), speed=Speed(fixed=0.5, per_job=0.005), room=100)  # 100 jobs a second
    broker = ScriptedBroker([busy], verdict=Verdict(refusal=FailureCode.CONTENDED, ahead=449))
    async with running(broker) as jitney:
        answer = await jitney.ask("life", headers={"X-Request-Timeout": "2"})

        assert told(answer) == (429, "contended")
        assert answer.headers["retry-after"] == "5"  # 0.5 + 4/3 × (5 × 0.5 + 450 × 0.005) - 2 = 4.8


async def test_a_known_model_without_batcher_is_503():
    async with running(ScriptedBroker([announced(card(), batchers=0)])) as jitney:
        answer = await jitney.ask("life")

        assert told(answer) == (503, "no_batcher")
        assert answer.headers["retry-after"] == "1"


async def test_a_model_that_left_is_503_and_not_404():
    async with running() as jitney:
        jitney.broker.announcements = []
        await jitney.look()

        answer = await jitney.ask("life")

        assert told(answer) == (503, "no_batcher")


async def test_the_retry_after_of_a_missing_batcher_grows_with_its_absence(clock):
    async with running(clock=clock) as jitney:
        jitney.broker.announcements = []
        await jitney.look()
        clock.tick(20.0)

        answer = await jitney.ask("life")

        assert answer.headers["retry-after"] == "10"


async def test_a_task_without_any_card_is_503():
    async with running() as jitney:
        answer = await jitney.ask("life", path="/translation", fromLang="en", toLang="ja")

        assert told(answer) == (503, "no_batcher")


async def test_before_the_broker_was_met_everything_is_503():
    async with running(ScriptedBroker(look_error=BrokerUnavailable()), met=False) as jitney:
        answer = await jitney.ask("life")

        assert told(answer) == (503, "broker_unavailable")
        assert answer.headers["retry-after"] == "1"


async def test_a_broker_out_of_memory_is_503():
    async with running(ScriptedBroker(admit_errors=[BrokerFull()])) as jitney:
        answer = await jitney.ask("life")

        assert told(answer) == (503, "broker_full")
        assert answer.headers["retry-after"] == "1"


async def test_a_request_without_outcome_is_504_at_its_deadline():
    async with running(ScriptedBroker(answers=False)) as jitney:
        answer = await jitney.ask("life", headers={"X-Request-Timeout": "0.01"})

        assert told(answer) == (504, "expired")
        assert answer.json()["detail"] == "There was no answer within 0.01 seconds."


async def test_a_body_that_never_ends_is_408_at_its_deadline():
    async def stalled():
        yield b'{"payload": '
        await jitney.until(lambda: False)

    async with running() as jitney:
        headers = {"X-Request-Timeout": "0.01"}

        answer = await jitney.client.post("/models/echo", content=stalled(), headers=headers)

        assert told(answer) == (408, "request_timeout")
        assert answer.headers["connection"] == "close"
