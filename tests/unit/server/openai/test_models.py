"""/v1/models is one document for two kinds of readers: every model as we describe it, the live ones as OpenAI does."""

from __future__ import annotations

import pytest

from tests.unit.server.stand_in import ScriptedBroker, announced, card, running

pytestmark = pytest.mark.anyio

LIVE = {"id": "b", "object": "model", "created": 1764426000, "owned_by": "jitney"}


def broker() -> ScriptedBroker:
    return ScriptedBroker([announced(card("b"), since=1764426000.5), announced(card("a"), batchers=0)])


async def test_the_live_models_are_listed_beside_all_of_ours():
    async with running(broker()) as jitney:
        answer = (await jitney.client.get("/v1/models")).json()

        assert [model["name"] for model in answer["models"]] == ["a", "b"]
        assert (answer["object"], answer["data"]) == ("list", [LIVE])


async def test_one_can_be_asked_for_by_its_name():
    async with running(broker()) as jitney:
        answer = await jitney.client.get("/v1/models/b")

        assert (answer.status_code, answer.json()) == (200, LIVE)


@pytest.mark.parametrize(("name", "status", "code"), [("a", 503, "no_batcher"), ("c", 404, "model_not_found")])
async def test_one_that_is_gone_may_come_back_and_one_that_nobody_knows_will_not(name, status, code):
    async with running(broker()) as jitney:
        answer = await jitney.client.get(f"/v1/models/{name}")

        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
