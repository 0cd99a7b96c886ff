"""A model answers to whatever further names an operator gives it, wherever a request may name a model."""

from __future__ import annotations

from typing import Any

import pytest

from server.settings import ServerSettings
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running, told

pytestmark = pytest.mark.anyio

ALIASES = "text-embedding-ada-002=echo BAAI/bge-m3=echo, gone=away"
NAMES = ["text-embedding-ada-002", "BAAI/bge-m3", "echo"]
RECORDS = [{"id": 0, "text": "life"}]


def broker(task: str = "translation") -> ScriptedBroker:
    return ScriptedBroker([announced(card(task=task))])


@pytest.mark.parametrize("name", NAMES)
async def test_a_payload_may_name_a_model_so(name):
    async with running(broker(), alias=ALIASES) as jitney:
        answer = await jitney.ask("life", path="/translation", model=name, fromLang="en", toLang="ja")

        assert (answer.status_code, answer.headers["jitney-model"]) == (200, "echo@r1")


@pytest.mark.parametrize("name", ["text-embedding-ada-002", "BAAI%2Fbge-m3", "BAAI%2fbge-m3", "echo"])
async def test_so_may_an_address_and_a_slash_in_a_name_is_encoded(name):
    async with running(alias=ALIASES) as jitney:
        answer = await jitney.client.post(f"/models/{name}", json={"payload": {"records": RECORDS}})

        assert (answer.status_code, answer.headers["jitney-model"]) == (200, "echo@r1")


async def test_a_prediction_may_name_one_so_as_well():
    async with running(alias=ALIASES) as jitney:
        headers = {"prefer": "respond-async, wait=10"}
        answer = await jitney.client.post(
            "/models/BAAI%2Fbge-m3", json={"payload": {"records": RECORDS}}, headers=headers
        )

        assert (answer.status_code, answer.headers["jitney-model"]) == (200, "echo@r1")


async def test_a_slash_that_is_not_encoded_is_none_of_a_name():
    async with running(alias=ALIASES) as jitney:
        answer = await jitney.client.post("/models/BAAI/bge-m3", json={"payload": {"records": RECORDS}})

        assert told(answer) == (404, "not_found")


async def test_what_nobody_is_called_is_unknown_and_told_as_it_was_asked_for():
    async with running(alias=ALIASES) as jitney:
        answer = await jitney.client.post("/models/a%2Fb%20c", json={"payload": {"records": RECORDS}})

        assert told(answer) == (404, "unknown_model")
        assert "'a/b c'" in answer.json()["detail"]


@pytest.mark.parametrize("name", NAMES)
async def test_it_is_looked_up_by_each_of_its_names(name):
    async with running(alias=ALIASES) as jitney:
        answer = await jitney.client.get(f"/v1/models/{name.replace('/', '%2F')}")

        assert (answer.status_code, answer.json()["id"]) == (200, name)


async def test_the_list_that_others_read_has_all_names_and_ours_each_model_once():
    async with running(alias=ALIASES) as jitney:
        found = (await jitney.client.get("/v1/models")).json()

        assert {one["id"] for one in found["data"]} == set(NAMES)
        assert [one["name"] for one in found["models"]] == ["echo"]


@pytest.mark.parametrize(
    ("alias", "said"),
    [("a", "'a' is not spelled"), ("a=B", "'a=B' is not spelled"), ("a=b a=c", "named twice"), ("=b", "not spelled")],
)
def test_what_is_no_alias_is_refused(alias: Any, said: str):
    (complaint,) = ServerSettings(alias=alias).complaints()

    assert complaint.startswith("--alias: ") and said in complaint
