"""Misspelt and misplaced fields are told, with what is probably meant."""

from __future__ import annotations

import pytest

from tests.unit.server.stand_in import ScriptedBroker, announced, card, running

pytestmark = pytest.mark.anyio

RECORDS = [{"id": 1, "text": "life"}]
SPOKEN = {"fromLang": "en", "toLang": "ja"}


def every_task() -> ScriptedBroker:
    tasks = ("translation", "classification", "embedding")
    return ScriptedBroker([announced(card(task, task=task)) for task in tasks] + [announced(card())])


async def post(path: str, body: object, **settings: object):
    async with running(every_task(), **settings) as jitney:
        return await jitney.client.post(path, json=body)


def payload(**fields: object) -> dict[str, object]:
    return {"payload": {"records": RECORDS, **fields}}


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/classification", payload(top_k=2), "'top_k' in the payload is not known and is not read: probably 'topK'"),
        ("/models/classification", payload(TOPK=2), "'TOPK' in the payload is not known and is not read: probably"),
        ("/embedding", payload(modle="x"), "'modle' in the payload is not known and is not read: probably 'model'"),
        ("/embedding", payload(topK=2), "'topK' in the payload is not known and is not read."),
        ("/embedding", payload() | {"model": "x"}, "'model' in the body is not known and is not read: 'model' belongs"),
        ("/models/echo", payload() | {"records": []}, "'records' belongs into the payload"),
        ("/models/echo", payload(model="other"), "'model' in the payload is not read here: the address names 'echo'."),
        (
            "/translation",
            {"payload": {**SPOKEN, "records": [{"id": 1, "text": "a", "toLang": "en"}]}},
            "'toLang' in a record is not known and is not read: 'toLang' belongs into the payload.",
        ),
        ("/models/echo", {"payload": {"records": [{"id": 1, "text": "a", "Text": "b"}]}}, "probably 'text' is meant"),
    ],
)
async def test_an_unknown_field_is_told_beside_the_result(path, body, said):
    answer = await post(path, body)

    assert answer.status_code == 200 and answer.json()["result"]
    (warning,) = answer.json()["warnings"]
    assert said in warning


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/translation", payload(from_lang="en", toLang="ja"), "probably 'fromLang' is meant"),
        ("/translation", payload(fromlang="en", toLang="ja"), "probably 'fromLang' is meant"),
        ("/translation", payload(**{"from": "en", "to": "ja"}), "probably 'toLang' is meant"),
        ("/translation", {"records": RECORDS}, "'records' belongs into the payload"),
        ("/translation", {**SPOKEN, **payload()}, "'fromLang' belongs into the payload"),
        ("/embedding", {"payload": {"record": RECORDS}}, "probably 'records' is meant"),
        ("/embedding", {"payload": {"text": "life"}}, "'text' belongs into a record"),
        ("/models/echo", {"payload": {"records": [{"id": 1, "txt": "a"}]}}, "probably 'text' is meant"),
    ],
)
async def test_where_nothing_can_be_computed_the_400_says_what_is_meant(path, body, said):
    answer = await post(path, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert said in answer.json()["detail"]


async def test_a_request_without_unknown_fields_has_no_warnings():
    answer = await post("/translation", payload(**SPOKEN, model="translation"))

    assert answer.json().keys() == {"result"}


async def test_a_custom_model_takes_any_further_field_of_the_payload_and_nobody_warns():
    answer = await post("/models/echo", payload(top_k=2, tone="warm"))

    assert answer.json().keys() == {"result"}


@pytest.mark.parametrize("path", ["/classification", "/models/classification"])
async def test_a_strict_front_end_refuses_unknown_fields(path):
    answer = await post(path, payload(top_k=2), strict=True)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert "'topK'" in answer.json()["detail"]
    assert answer.headers["jitney-model"] == "classification@r1"


async def test_a_strict_front_end_takes_what_has_none():
    assert (await post("/classification", payload(topK=2), strict=True)).status_code == 200


async def test_the_same_field_in_many_records_is_one_warning():
    records = [{"id": number, "text": "a", "lang": "en"} for number in range(256)]

    answer = await post("/embedding", {"payload": {"records": records}})

    assert len(answer.json()["warnings"]) == 1


async def test_warnings_are_few_and_short_whatever_a_client_sends():
    strange = {f"{number}\n{'é' * 5_000}": number for number in range(50)}

    warnings = (await post("/embedding", payload(**strange))).json()["warnings"]

    assert len(warnings) == 9 and warnings[-1] == "There are more unknown fields."
    assert max(map(len, warnings)) < 400
    assert all(warning.isascii() and "\n" not in warning for warning in warnings)


async def test_very_many_fields_are_not_each_looked_at():
    strange = {f"{number:x}": 1 for number in range(60_000)}

    answer = await post("/embedding", payload(**strange))

    assert answer.json()["warnings"] == ["There may be unknown fields: so many are not looked at."]
