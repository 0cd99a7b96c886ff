"""Each API is a row of a table: it is there when it is chosen, and everything about it stands in that row."""

from __future__ import annotations

import pytest

from server.dialects.families import FAMILIES, chosen
from server.settings import DIALECTS, ServerSettings
from tests.unit.server.stand_in import running, told

pytestmark = pytest.mark.anyio


def test_the_names_that_a_setting_takes_are_those_of_the_table():
    assert set(DIALECTS) == {family.name for family in FAMILIES}
    assert chosen(ServerSettings().dialects) == list(FAMILIES)


def test_a_name_that_no_api_has_is_refused_with_those_there_are():
    (complaint,) = ServerSettings(dialects="native,opneai").complaints()

    assert "'opneai'" in complaint and "openai" in complaint


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_address_is_described(family):
    described = {(one.path, one.method) for one in family.operations}

    assert {(path, "post") for path in family.inferences} <= described


@pytest.mark.parametrize("name", DIALECTS)
async def test_each_alone_describes_what_it_answers(name):
    async with running(dialects=name) as jitney:
        document = (await jitney.client.get("/openapi.json")).json()
        served = {(route.path, method.lower()) for route in jitney.app.routes for method in route.methods - {"HEAD"}}
        told = {(path, method) for path, methods in document["paths"].items() for method in methods}

        assert served - told == set()


@pytest.mark.parametrize("dialects", ["openai", "native", "native, huggingface", "native openai"])
async def test_only_what_is_chosen_is_there(dialects):
    async with running(dialects=dialects) as jitney:
        document = (await jitney.client.get("/openapi.json")).json()
        answers = {
            name: await jitney.client.post(path, json={})
            for name, path in (
                ("native", "/embedding"),
                ("openai", "/v1/embeddings"),
                ("huggingface", "/huggingface/image-classification"),
            )
        }

        for name, answer in answers.items():
            assert (answer.status_code != 404) == (name in dialects)
            assert (answer.request.url.path in document["paths"]) == (name in dialects)


async def test_what_is_always_there_refuses_as_ever():
    async with running(dialects="native") as jitney:
        answers = [await jitney.client.get(path) for path in ("/v1/models", "/v1/nowhere", "/predictions/x")]

        assert [answer.status_code for answer in answers] == [200, 404, 404]
        assert answers[1].json()["error"]["code"] == "not_found"
        assert told(answers[2]) == (404, "not_found")
