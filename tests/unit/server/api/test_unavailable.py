"""What cannot be computed now, or not in time: 429, 503, 504 and 408, and when to come back."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from broker.errors import BrokerFull, BrokerUnavailable
from broker.messages import FailureCode, Speed, Verdict
from server.collector import collectors
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


LIFE = [{"id": 0, "text": "life"}]
MISSED = 'jitney_requests_without_batcher_total{model="echo"}'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/models/echo", {"payload": {"records": LIFE}}),
        ("/translation", {"payload": {"fromLang": "en", "toLang": "ja", "records": LIFE}}),
        ("/predict", {"instances": ["life"]}),  # of whichever model there is
    ],
)
async def test_a_refusal_is_counted_for_the_model_that_has_no_batcher(path, body):
    async with running(ScriptedBroker([announced(card(task="translation"))])) as jitney:
        before = page(jitney)
        jitney.broker.announcements = []
        await jitney.look()

        for _ in range(2):
            assert (await jitney.client.post(path, json=body)).status_code == 503

        assert f"{MISSED} 0.0" in before and f"{MISSED} 2.0" in page(jitney)


async def test_what_is_no_model_of_ours_is_counted_for_none():
    async with running(ScriptedBroker([])) as jitney:
        answer = await jitney.ask("life", path="/models/whatever")

        assert told(answer) == (503, "no_batcher")
        assert "jitney_requests_without_batcher_total{" not in page(jitney)


def page(jitney):
    return generate_latest(collectors(jitney.front_end)).decode().splitlines()


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
