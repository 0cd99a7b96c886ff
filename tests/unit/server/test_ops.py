"""Health, the list of models, and the documentation."""

from __future__ import annotations

import re

import msgspec
import pytest

from broker.errors import BrokerUnavailable
from server import schema
from server.app import ENDPOINTS
from server.openapi import OPERATIONS, document
from tests.unit.server.house import ScriptedBroker, announced, card, house

pytestmark = pytest.mark.anyio


async def health(jitney, path="/readyz"):
    answer = await jitney.client.get(path)
    return answer.status_code, answer.json()["status"]


async def test_a_front_end_with_broker_and_batcher_is_ready():
    async with house() as jitney:
        assert await health(jitney) == (200, "ok")


async def test_a_front_end_that_never_met_the_broker_is_not_ready():
    async with house(ScriptedBroker(look_error=BrokerUnavailable()), met=False) as jitney:
        assert await health(jitney) == (503, "degraded")


async def test_a_front_end_that_lost_the_broker_is_ready_and_degraded():
    async with house() as jitney:
        jitney.front_end.door.close()

        assert await health(jitney) == (200, "degraded")


async def test_a_front_end_without_any_model_is_ready_and_degraded():
    async with house(ScriptedBroker([])) as jitney:
        assert await health(jitney) == (200, "degraded")


async def test_a_front_end_whose_batcher_left_is_ready_and_degraded():
    async with house(ScriptedBroker([announced(card()), announced(card("other"), batchers=0)])) as jitney:
        assert await health(jitney) == (200, "degraded")


async def test_a_draining_front_end_is_not_ready():
    async with house() as jitney:
        jitney.front_end.is_draining = True

        assert await health(jitney) == (503, "draining")


async def test_a_draining_front_end_still_answers_and_asks_to_reconnect_elsewhere():
    async with house() as jitney:
        jitney.front_end.is_draining = True

        answer = await jitney.ask("life")

        assert (answer.status_code, answer.headers["connection"]) == (200, "close")


async def test_readiness_names_what_is_wrong():
    async with house(ScriptedBroker([announced(card(), batchers=0)])) as jitney:
        answer = await jitney.client.get("/readyz")

        assert [check for check in answer.json()["checks"] if not check["ok"]] == [
            {"name": "model echo", "ok": False, "detail": "gone"}
        ]


async def test_a_front_end_is_alive_without_a_broker():
    async with house(ScriptedBroker(look_error=BrokerUnavailable()), met=False) as jitney:
        assert await health(jitney, "/livez") == (200, "ok")


async def test_a_reader_that_is_late_is_told_but_does_not_end_the_process(clock):
    async with house(clock=clock) as jitney:
        clock.tick(4.0)

        assert await health(jitney, "/readyz") == (200, "degraded")
        assert await health(jitney, "/livez") == (200, "ok")


@pytest.mark.parametrize("seconds", [16.0, 61.0])
async def test_a_front_end_whose_tasks_stand_still_is_not_alive(clock, seconds):
    async with house(clock=clock) as jitney:
        clock.tick(seconds)

        assert await health(jitney, "/livez") == (503, "failed")


async def test_a_trip_that_never_comes_back_ends_the_process(clock):
    async with house(clock=clock) as jitney:
        jitney.front_end.link.writer.is_away = True
        jitney.front_end.link.writer.ticked = clock() - 16.0

        assert await health(jitney, "/livez") == (503, "failed")


async def test_a_writer_without_work_is_no_trouble(clock):
    async with house(clock=clock) as jitney:
        jitney.front_end.link.writer.ticked = clock() - 3_600.0

        assert await health(jitney, "/livez") == (200, "ok")


async def test_a_writer_is_away_only_while_its_trip_is():
    class Watching(ScriptedBroker):
        async def admit(self, sequence, requests, cancelled):
            away.append(jitney.front_end.link.writer.is_away)
            return await super().admit(sequence, requests, cancelled)

    away = []
    async with house(Watching()) as jitney:
        await jitney.ask("life")

        assert (away, jitney.front_end.link.writer.is_away) == ([True], False)


async def test_every_health_page_is_as_the_schema_says():
    async with house() as jitney:
        for path in ("/livez", "/readyz"):
            answer = await jitney.client.get(path)

            assert msgspec.json.decode(answer.content, type=schema.Health).checks


async def test_the_models_are_listed_by_name_with_all_that_their_cards_say():
    described = card("b", labels=["good", "bad"], languages=["en"], max_cost=512, description="a demo")
    async with house(ScriptedBroker([announced(described, batchers=2), announced(card("a"), batchers=0)])) as jitney:
        answer = await jitney.client.get("/v1/models")

        gone, live = answer.json()["models"]
        assert (gone["name"], gone["status"]) == ("a", "gone")
        assert live == {
            "name": "b",
            "task": "echoing",
            "revision": "r1",
            "status": "live",
            "batchers": 2,
            "max_tokens": 512,
            "languages": ["en"],
            "labels": ["good", "bad"],
            "description": "a demo",
        }


async def test_the_list_of_models_is_503_before_the_broker_was_met():
    async with house(ScriptedBroker(look_error=BrokerUnavailable()), met=False) as jitney:
        answer = await jitney.client.get("/v1/models")

        assert answer.json()["code"] == "broker_unavailable"


async def test_the_docs_load_nothing_from_elsewhere():
    async with house() as jitney:
        answer = await jitney.client.get("/docs")

        assert answer.status_code == 200
        assert re.findall(r"""https?://|(?:src|href)=["']?//|@import""", answer.text) == []


async def test_the_docs_are_forbidden_to_talk_to_anybody_else():
    async with house() as jitney:
        answer = await jitney.client.get("/docs")

        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self'" in policy


async def test_the_document_is_openapi_3_1():
    async with house() as jitney:
        answer = await jitney.client.get("/openapi.json")

        assert answer.json()["openapi"] == "3.1.0"


async def test_the_document_has_every_address_but_its_own(monkeypatch):
    async with house() as jitney:
        served = {(route.path, method) for route in jitney.app.routes for method in route.methods - {"HEAD"}}

        told = {(one.path, one.method.upper()) for one in OPERATIONS}

        assert served - told == {("/docs", "GET"), ("/openapi.json", "GET")}
        assert told - served == set()
        assert len(jitney.app.routes) == len(ENDPOINTS)


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_in_the_document_leads_somewhere():
    told = document("1.0")

    names = {reference.removeprefix("#/components/schemas/") for reference in references(told)}

    assert names <= told["components"]["schemas"].keys()


@pytest.mark.parametrize("one", [one for one in OPERATIONS if one.body], ids=lambda one: one.path)
def test_every_example_is_a_valid_body(one):
    assert msgspec.convert(one.example, one.body)


@pytest.mark.parametrize(
    ("reply", "row"),
    [
        (schema.TranslationReply, {"id": 1, "text": "a"}),
        (schema.TranslationReply, {"id": "1", "error": {"code": "poison", "message": "no"}}),
        (schema.ClassificationReply, {"id": 1, "label": "a", "score": 0.5, "labels": [{"label": "a", "score": 0.5}]}),
        (schema.EmbeddingReply, {"id": 1, "embedding": [0.1, 0.2]}),
        (schema.AnyReply, {"id": 1, "anything": None}),
    ],
)
def test_replies_have_the_shape_that_the_document_tells(reply, row):
    assert msgspec.convert({"result": [row]}, reply)


async def test_the_document_names_fields_as_the_envelope_does():
    fields = document("1.0")["components"]["schemas"]["TranslationPayload"]

    assert set(fields["properties"]) == {"records", "model", "fromLang", "toLang"}
    assert set(fields["required"]) == {"records", "fromLang", "toLang"}
