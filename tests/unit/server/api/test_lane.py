"""The header `Jitney-Lane`: which lane a request takes, at every inference endpoint."""

from __future__ import annotations

import pytest

from broker.messages import Lane
from server.api.described.openapi import Live, document
from server.settings import ServerSettings
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running

pytestmark = pytest.mark.anyio
PATHS = {"/translation": "translation", "/classification": "classification", "/embedding": "embedding"}


def lanes(broker: ScriptedBroker) -> list[Lane]:
    return [request.lane for _, requests, _ in broker.trips for request in requests]


async def test_a_request_is_interactive_unless_it_says_otherwise():
    async with running() as jitney:
        await jitney.ask("life")

        assert lanes(jitney.broker) == [Lane.INTERACTIVE]


@pytest.mark.parametrize(
    ("value", "lane"), [("bulk", Lane.BULK), ("interactive", Lane.INTERACTIVE), (" Bulk ", Lane.BULK)]
)
async def test_the_header_names_the_lane(value, lane):
    async with running() as jitney:
        answer = await jitney.ask("life", headers={"Jitney-Lane": value})

        assert (answer.status_code, lanes(jitney.broker)) == (200, [lane])


@pytest.mark.parametrize("path", [*PATHS, "/models/echo"])
async def test_every_inference_endpoint_has_lanes(path):
    body = {"payload": {"fromLang": "en", "toLang": "ja", "records": [{"id": 1, "text": "life"}]}}
    async with running(ScriptedBroker([announced(card(task=PATHS.get(path, "echoing")))])) as jitney:
        await jitney.client.post(path, json=body, headers={"Jitney-Lane": "bulk"})

        assert lanes(jitney.broker) == [Lane.BULK]


@pytest.mark.parametrize("value", ["", "fast", "bulk, interactive", "b", "\x00", "x" * 8_000])
async def test_any_other_lane_is_400_and_told_the_two_there_are(value):
    async with running() as jitney:
        answer = await jitney.ask("life", headers={"Jitney-Lane": value})

        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert answer.json()["detail"] == "Jitney-Lane must be interactive or bulk"
        assert jitney.broker.trips == []


def test_the_document_knows_the_header():
    headers = document("1", ServerSettings(), Live())["paths"]["/models/{name}"]["post"]["parameters"]

    [lane] = [one for one in headers if one["name"] == "Jitney-Lane"]
    assert (lane["in"], lane["schema"]["enum"]) == ("header", ["interactive", "bulk"])
