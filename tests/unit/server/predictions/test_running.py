"""Who runs a prediction, when its turn comes, and who goes on when a front end cannot."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker.errors import BrokerError
from broker.memory.predictions import MemoryPredictions
from broker.messages import FailureCode, Verdict
from server.predictions import keeper, runner
from server.predictions.stored import Stored, request_to_bytes
from tests.contract.predictions.orders import OTHER, ending, order
from tests.unit.server.predictions.asking import ASYNC, ended, result
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running, told

pytestmark = pytest.mark.anyio
STORED = request_to_bytes(Stored(path="/models/echo", query="", headers={}, model="echo", task="echoing", lane=""))


async def test_one_whose_lane_is_full_is_tried_again():
    broker = ScriptedBroker(verdict=Verdict(refusal=FailureCode.CONTENDED, waiting=1))
    async with running(broker) as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)
        await broker.admitted.wait()
        broker.verdict = Verdict(waiting=1)

        assert (await result(jitney, accepted)).status_code == 200


async def test_a_prediction_of_a_silent_front_end_is_adopted_and_its_result_found(monkeypatch):
    monkeypatch.setattr(keeper, "IDLE_BEAT", 0.0)
    broker = ScriptedBroker(answers=False)
    broker.predictions.lease = 0.0
    async with running(broker) as first:
        accepted = await first.ask("life", headers=ASYNC | {"X-Request-ID": "abc"})
        await broker.admitted.wait()
        second = ScriptedBroker()
        second.predictions = broker.predictions
        with capture_logs() as lines:
            async with running(second, name="e" * 16) as other:
                assert (await result(other, accepted)).json() == {"result": [{"id": 0, "text": "LIFE"}]}
                assert other.front_end.tasks.predictions.adopted >= 1

    told = {line["event"]: line.get("request_id") for line in lines}
    assert (told["prediction adopted"], told["prediction ended"]) == ("abc", "abc")


async def test_a_model_that_does_not_answer_holds_up_no_other(monkeypatch):
    monkeypatch.setattr(runner, "MOST_RUNNING", 1)
    broker = ScriptedBroker([announced(card()), announced(card("other"))], answers=False)
    async with running(broker) as jitney:
        for _ in range(3):  # one runs, the others wait for its turn
            await jitney.ask("life", headers=ASYNC)
        await broker.admitted.wait()
        broker.answers = True

        accepted = await jitney.ask("life", path="/models/other", headers=ASYNC)

        assert (await result(jitney, accepted)).json() == {"result": [{"id": 0, "text": "LIFE"}]}


async def test_a_front_end_that_ends_hands_its_predictions_over():
    broker = ScriptedBroker(answers=False)
    async with running(broker) as first:
        accepted = await first.ask("life", headers=ASYNC)
        await broker.admitted.wait()

    found = await broker.predictions.beat("e" * 16, [], 9)

    assert found.adopted == [accepted.json()["id"]]


async def test_those_who_wait_are_answered_when_a_front_end_ends():
    async with running(ScriptedBroker(answers=False)) as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)
        waiting = asyncio.create_task(ended(jitney, accepted))
        keep = jitney.front_end.tasks.predictions
        await jitney.until(lambda: list(keep._waiting.ids(())))

        keep.end_waits()

        assert (await waiting)["status"] in ("queued", "running")


async def test_those_who_wait_go_on_waiting_where_another_front_end_has_adopted_it():
    broker = ScriptedBroker(answers=False)
    async with running(broker) as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)
        id, keep = accepted.json()["id"], jitney.front_end.tasks.predictions
        await broker.admitted.wait()
        waiting = asyncio.create_task(ended(jitney, accepted))
        await jitney.until(lambda: list(keep._waiting.ids(())))
        await broker.predictions.release(keep.front_end, [id])
        await broker.predictions.beat(OTHER, [], 9)

        keep.drop(id)  # as its next beat would say
        await jitney.until(lambda: not keep.running)
        for _ in range(50):
            await asyncio.sleep(0)
        assert list(keep._waiting.ids(keep.running)) == [id]
        await broker.predictions.finish(ending(id, owner=OTHER))

        assert (await waiting)["status"] == "succeeded"


async def test_more_than_run_at_once_wait_for_their_turn(monkeypatch):
    monkeypatch.setattr(keeper, "MOST_RUNNING", 2)
    monkeypatch.setattr(runner, "MOST_RUNNING", 2)
    async with running() as jitney:
        accepted = [await jitney.ask(f"text {number}", headers=ASYNC) for number in range(6)]

        texts = [(await result(jitney, one)).json()["result"][0]["text"] for one in accepted]

        assert texts == [f"TEXT {number}" for number in range(6)]


async def test_of_those_that_wait_for_their_turn_the_document_says_so(monkeypatch):
    monkeypatch.setattr(keeper, "MOST_RUNNING", 1)
    monkeypatch.setattr(runner, "MOST_RUNNING", 1)
    async with running(ScriptedBroker(answers=False)) as jitney:
        first, second = [await jitney.ask("life", headers=ASYNC) for _ in range(2)]

        assert (first.json()["status"], second.json()["status"]) == ("running", "queued")
        assert (second.json()["startedAt"], len(jitney.broker.jobs)) == (None, 1)


async def test_nobody_waits_for_what_has_ended_or_never_was(monkeypatch):
    async with running() as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)
        await ended(jitney, accepted)
        monkeypatch.setattr(jitney.front_end.tasks.predictions, "until_ended", None)  # whoever waits fails

        assert (await result(jitney, accepted)).status_code == 200
        assert (await jitney.client.get("/predictions/never", params={"wait": 30})).status_code == 404


async def test_where_the_broker_s_user_may_keep_no_predictions_all_else_is_answered(monkeypatch):
    async def refused(*args: Any) -> None:
        raise BrokerError("no permission")

    for name in ("beat", "create"):
        monkeypatch.setattr(MemoryPredictions, name, refused)
    async with running() as jitney:
        assert told(await jitney.ask("life", headers=ASYNC)) == (503, "broker_unavailable")
        assert (await jitney.ask("life")).status_code == 200
        assert not jitney.front_end.tasks.breaker.is_open


async def test_one_that_is_canceled_elsewhere_is_computed_no_further(monkeypatch):
    monkeypatch.setattr(keeper, "BEAT", 0.0)
    async with running(ScriptedBroker(answers=False)) as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)
        await jitney.broker.admitted.wait()

        await jitney.broker.predictions.remove(accepted.json()["id"])

        await jitney.until(lambda: jitney.broker.cancelled)
        assert jitney.front_end.tasks.predictions.running == {}


async def test_those_whose_bodies_have_no_room_together_run_one_after_the_other():
    async with running() as jitney:
        jitney.front_end.prediction_bodies["echo"]._most = 1  # byte
        accepted = [await jitney.ask(f"text {number}", headers=ASYNC) for number in range(4)]

        assert [(await result(jitney, one)).status_code for one in accepted] == [200] * 4
        assert jitney.front_end.prediction_bodies["echo"].held == 0


async def test_a_front_end_that_holds_many_still_adopts(monkeypatch):
    monkeypatch.setattr(keeper, "MOST_RUNNING", 1)
    async with running(ScriptedBroker(answers=False)) as jitney:
        await jitney.ask("life", headers=ASYNC)
        keep, broker = jitney.front_end.tasks.predictions, jitney.broker.predictions
        broker.lease = 0.0
        await broker.create(order(owner="e" * 16, request=STORED), 1 << 20)
        keep._beat_at = 0.0
        keep._wake.set()

        await jitney.until(lambda: keep.adopted == 1)
        assert len(keep.running) == 2
