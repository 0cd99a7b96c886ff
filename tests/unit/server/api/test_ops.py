"""Health, the list of models, and the documentation."""

from __future__ import annotations

import re

import msgspec
import pytest
import structlog

from broker.common.throttled_log import EVERY
from broker.errors import BrokerUnavailable
from broker.messages import FailureCode, Verdict
from server.api.schema.service import Health
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running

pytestmark = pytest.mark.anyio


async def health(jitney, path="/readyz"):
    answer = await jitney.client.get(path)
    return answer.status_code, answer.json()["status"]


async def test_a_front_end_with_broker_and_batcher_is_ready():
    async with running() as jitney:
        assert await health(jitney) == (200, "ok")


async def test_a_front_end_that_never_met_the_broker_is_not_ready():
    async with running(ScriptedBroker(look_error=BrokerUnavailable()), met=False) as jitney:
        assert await health(jitney) == (503, "degraded")


async def test_a_front_end_that_lost_the_broker_is_ready_and_degraded():
    async with running() as jitney:
        jitney.front_end.tasks.breaker.open()

        assert await health(jitney) == (200, "degraded")


async def test_a_front_end_without_any_model_is_ready_and_degraded():
    async with running(ScriptedBroker([])) as jitney:
        assert await health(jitney) == (200, "degraded")


async def test_a_front_end_whose_batcher_left_is_ready_and_degraded():
    async with running(ScriptedBroker([announced(card()), announced(card("other"), batchers=0)])) as jitney:
        assert await health(jitney) == (200, "degraded")


async def test_a_draining_front_end_is_not_ready():
    async with running() as jitney:
        jitney.front_end.is_draining = True

        assert await health(jitney) == (503, "draining")


async def test_a_draining_front_end_still_answers_and_asks_to_reconnect_elsewhere():
    async with running() as jitney:
        jitney.front_end.is_draining = True

        answer = await jitney.ask("life")

        assert (answer.status_code, answer.headers["connection"]) == (200, "close")


async def test_readiness_names_what_is_wrong():
    async with running(ScriptedBroker([announced(card(), batchers=0)])) as jitney:
        answer = await jitney.client.get("/readyz")

        assert [check for check in answer.json()["checks"] if not check["ok"]] == [
            {"name": "model echo", "ok": False, "detail": "gone"}
        ]


async def test_a_front_end_is_alive_without_a_broker():
    async with running(ScriptedBroker(look_error=BrokerUnavailable()), met=False) as jitney:
        assert await health(jitney, "/livez") == (200, "ok")


async def test_the_tasks_that_must_turn_are_named():
    async with running() as jitney:
        answer = await jitney.client.get("/livez")

        assert [check["name"] for check in answer.json()["checks"]] == ["writer", "reader", "discovery", "predictions"]


async def test_a_reader_that_is_late_is_told_but_does_not_end_the_process(clock):
    async with running(clock=clock) as jitney:
        clock.tick(4.0)

        assert await health(jitney, "/readyz") == (200, "degraded")
        assert await health(jitney, "/livez") == (200, "ok")


@pytest.mark.parametrize("seconds", [16.0, 61.0])
async def test_a_front_end_whose_tasks_stand_still_is_not_alive(clock, seconds):
    async with running(clock=clock) as jitney:
        clock.tick(seconds)

        assert await health(jitney, "/livez") == (503, "failed")


async def test_a_trip_that_never_comes_back_ends_the_process(clock):
    async with running(clock=clock) as jitney:
        jitney.front_end.tasks.writer.is_busy = True
        jitney.front_end.tasks.writer.ticked = clock() - 16.0

        assert await health(jitney, "/livez") == (503, "failed")


async def test_a_writer_without_work_is_no_trouble(clock):
    async with running(clock=clock) as jitney:
        jitney.front_end.tasks.writer.ticked = clock() - 3_600.0

        assert await health(jitney, "/livez") == (200, "ok")


async def test_a_writer_is_away_only_while_its_trip_is():
    class Watching(ScriptedBroker):
        async def admit(self, sequence, requests, cancelled):
            away.append(jitney.front_end.tasks.writer.is_busy)
            return await super().admit(sequence, requests, cancelled)

    away = []
    async with running(Watching()) as jitney:
        await jitney.ask("life")

        assert (away, jitney.front_end.tasks.writer.is_busy) == ([True], False)


@pytest.mark.parametrize(
    ("code", "status"), [("contended", 429), ("broker_full", 503), ("no_batcher", 503)], ids=lambda one: str(one)
)
async def test_what_is_refused_again_and_again_is_told_seldom_with_a_count_and_counted_each_time(clock, code, status):
    broker = ScriptedBroker(verdict=Verdict(refusal=FailureCode(code), waiting=7))
    async with running(broker, clock=clock) as jitney:
        with structlog.testing.capture_logs() as lines:
            asked = [await jitney.ask("life") for _ in range(20)]
            clock.tick(EVERY)
            await jitney.ask("life")

        assert {answer.status_code for answer in asked} == {status}
        assert [(line["code"], line["times"]) for line in refusals(lines)] == [(code, 1), (code, 20)]
        assert jitney.front_end.metrics.rejected[(code,)] == 21


async def test_refusals_for_different_reasons_are_counted_apart():
    async with running(ScriptedBroker(verdict=Verdict(refusal=FailureCode.CONTENDED, waiting=7))) as jitney:
        with structlog.testing.capture_logs() as lines:
            await jitney.ask("life")
            jitney.front_end.tasks.breaker.open()
            await jitney.ask("life")

    assert [line["code"] for line in refusals(lines)] == ["contended", "broker_unavailable"]


@pytest.mark.parametrize(("text", "status"), [("fail:model_error", 500), ("fail:expired", 504), ("impossible", 422)])
async def test_what_is_no_outage_is_a_line_each_time(text, status):
    async with running() as jitney:
        with structlog.testing.capture_logs() as lines:
            for _ in range(3):
                await jitney.ask(text)

    assert [line["status"] for line in refusals(lines)] == [status] * 3


def refusals(lines):
    return [line for line in lines if line["event"] == "refused"]


async def test_every_health_page_is_as_the_schema_says():
    async with running() as jitney:
        for path in ("/livez", "/readyz"):
            answer = await jitney.client.get(path)

            assert msgspec.json.decode(answer.content, type=Health).checks


async def test_the_models_are_listed_by_name_with_all_that_their_cards_say():
    described = card("b", labels=["good", "bad"], languages=["en"], max_cost=512, description="a demo")
    async with running(ScriptedBroker([announced(described, batchers=2), announced(card("a"), batchers=0)])) as jitney:
        answer = await jitney.client.get("/v1/models")

        gone, live = answer.json()["models"]
        assert (gone["name"], gone["status"]) == ("a", "gone")
        assert live == {
            "name": "b",
            "task": "echoing",
            "revision": "r1",
            "status": "live",
            "default": True,
            "batchers": 2,
            "revisions": [{"revision": "r1", "status": "live", "batchers": 2}],
            "max_tokens": 512,
            "languages": ["en"],
            "labels": ["good", "bad"],
            "description": "a demo",
        }


async def test_the_list_of_models_is_503_before_the_broker_was_met():
    async with running(ScriptedBroker(look_error=BrokerUnavailable()), met=False) as jitney:
        answer = await jitney.client.get("/v1/models")

        assert answer.json()["error"]["code"] == "broker_unavailable"


async def test_the_docs_load_nothing_from_elsewhere():
    async with running() as jitney:
        answer = await jitney.client.get("/docs")

        assert answer.status_code == 200
        assert re.findall(r"""https?://|(?:src|href)=["']?//|@import""", answer.text) == []


async def test_the_docs_are_forbidden_to_talk_to_anybody_else():
    async with running() as jitney:
        answer = await jitney.client.get("/docs")

        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self'" in policy
