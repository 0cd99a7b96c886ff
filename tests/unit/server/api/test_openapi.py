"""/openapi.json says what holds: addresses, bounds, languages, statuses and headers."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from server.api.described.openapi import Live, document
from server.api.tasks import BODIES_OF_ANY, BODIES_OF_TASK
from server.dialects.families import FAMILIES, operations
from server.errors import KINDS
from server.settings import ServerSettings
from server.webhooks.signature import headers
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running

pytestmark = pytest.mark.anyio

OPERATIONS = list(operations(FAMILIES))
LIVE = Live(
    [
        card("m2m", task="translation", languages=["en", "ja"]),
        card("small", task="translation", languages=["en", "fr"]),
        card("toy", task="classification"),
        card("photo", task="image-classification", codec="image"),
        card("own"),
    ]
)


def told(live: Live = LIVE, **settings: Any) -> Any:
    return document("1.0", ServerSettings(**settings), live)


def fields(kind: str, **settings: Any) -> Any:
    return told(**settings)["components"]["schemas"][kind]["properties"]


def parameters(path: str, **settings: Any) -> dict[str, Any]:
    return {one["name"]: one["schema"] for one in told(**settings)["paths"][path]["post"]["parameters"]}


async def test_the_document_is_openapi_3_1_in_the_dialect_of_2020_12():
    async with running() as jitney:
        answer = await jitney.client.get("/openapi.json")

        assert answer.json()["openapi"] == "3.1.0"
        assert answer.json()["jsonSchemaDialect"].endswith("/2020-12/schema")


def test_every_schema_is_one_of_2020_12():
    for schema in told()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


async def test_the_document_has_every_address():
    async with running() as jitney:
        served = [(route.path, method) for route in jitney.app.routes for method in route.methods - {"HEAD"}]

        assert {*served} == {(one.path, one.method.upper()) for one in OPERATIONS}
        assert len(served) == len({*served})


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_may_be_a_503_of_the_same_shape(path):
    responses = told()["paths"][path]["get"]["responses"]

    assert responses["503"]["content"] == responses["200"]["content"]


@pytest.mark.parametrize("path", [*(of.task.path for of in BODIES_OF_TASK.values()), "/models/{name}", "/models/own"])
def test_every_status_of_an_inference_is_named_with_its_codes(path):
    responses = told()["paths"][path]["post"]["responses"]

    for code, kind in KINDS.items():
        assert kind.status in (405, 409, 410, 507) or f"({code})" in responses[str(kind.status)]["description"]


def test_every_address_says_how_any_request_may_end():
    for path, methods in told()["paths"].items():
        for one in methods.values():
            assert {"400", "408", "431", "500"} <= one["responses"].keys(), path
            assert one["responses"].keys() & {"200", "202", "403"}, path


@pytest.mark.parametrize("status", ["429", "503"])
def test_what_may_be_tried_again_says_when(status):
    headers = told()["paths"]["/translation"]["post"]["responses"][status]["headers"]

    assert headers["Retry-After"]["required"]
    assert headers["Retry-After"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 60}


def test_an_answer_has_the_headers_that_are_promised():
    headers = told()["paths"]["/embedding"]["post"]["responses"]["200"]["headers"]

    assert headers.keys() == {"X-Request-ID", "Jitney-Model", "Server-Timing"}
    assert [name for name in headers if headers[name]["required"]] == ["X-Request-ID", "Jitney-Model"]


def test_a_client_may_send_these_headers_within_these_bounds():
    sent = parameters("/translation", max_timeout=300.0, default_timeout=30.0)

    assert sent.keys() == {
        "X-Request-Timeout",
        "Jitney-Lane",
        "X-Request-ID",
        "traceparent",
        "tracestate",
        "Prefer",
        "Idempotency-Key",
    }
    assert sent["X-Request-Timeout"] == {"type": "number", "minimum": 0.001, "maximum": 300.0, "default": 30.0}
    assert sent["Jitney-Lane"]["enum"] == ["interactive", "bulk"]


def test_the_bounds_of_a_body_are_those_of_the_settings():
    assert fields("TranslationPayload", max_records=7)["records"]["maxItems"] == 7
    assert fields("Record", max_body_bytes=99)["text"]["maxLength"] == 99


def test_pictures_have_bounds_of_their_own():
    assert fields("PictureRecord", max_image_body_bytes=99)["image"]["maxLength"] == 99
    assert fields("ImageClassificationPayload", max_records=7)["records"]["maxItems"] == 7


@pytest.mark.parametrize("path", ["/image-classification", "/models/photo", "/huggingface/image-classification"])
def test_where_pictures_are_taken_a_body_may_be_one(path):
    bodies = told()["paths"][path]["post"]["requestBody"]["content"]

    assert bodies.keys() == {"application/json", "image/*", "application/octet-stream"}


def test_what_the_address_says_beside_a_picture_is_told():
    assert {"topK", "model"} <= parameters("/image-classification").keys()
    assert "model" in parameters("/huggingface/image-classification")
    assert "topK" not in parameters("/classification")


def test_a_dialect_has_errors_and_replies_of_its_own():
    responses = told()["paths"]["/huggingface/image-classification"]["post"]["responses"]

    assert responses["422"]["content"].keys() == {"application/json"}
    assert responses["200"]["content"]["application/json"]["schema"]["type"] == "array"


def test_requests_for_clusters_have_bounds_of_their_own():
    assert fields("ClusteringPayload", max_cluster_records=7)["records"]["maxItems"] == 7
    sentences = told(max_cluster_records=7)["paths"]["/cluster"]["post"]["requestBody"]["content"]["application/json"]
    assert sentences["schema"] == {"type": "array", "items": {"type": "string"}, "maxItems": 7}


def test_languages_are_those_of_the_models_that_live():
    assert fields("TranslationPayload")["toLang"]["enum"] == ["en", "fr", "ja"]
    assert "enum" not in told(Live())["components"]["schemas"]["TranslationPayload"]["properties"]["toLang"]


def test_a_source_may_also_be_found_out():
    assert fields("TranslationPayload")["fromLang"]["enum"] == ["en", "fr", "ja", "auto"]
    assert fields("TranslationPayload_small")["fromLang"]["enum"] == ["en", "fr", "auto"]


def test_a_model_s_own_address_has_the_body_and_the_languages_of_the_model():
    paths = told()["paths"]

    body = paths["/models/small"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["$ref"].endswith("/TranslationRequest_small")
    assert fields("TranslationPayload_small")["toLang"]["enum"] == ["en", "fr"]
    other = paths["/models/own"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert other["$ref"].endswith("/AnyRequest")


def test_the_example_is_in_languages_that_the_model_has():
    content = told()["paths"]["/models/small"]["post"]["requestBody"]["content"]["application/json"]

    assert (content["example"]["payload"]["fromLang"], content["example"]["payload"]["toLang"]) == ("en", "fr")


def test_the_example_is_in_the_languages_of_its_text_by_the_codes_that_the_model_has():
    live = Live([card("nllb", task="translation", languages=["ace_Arab", "eng_Latn", "jpn_Jpan", "zul_Latn"])])

    payload = told(live)["paths"]["/models/nllb"]["post"]["requestBody"]["content"]["application/json"]["example"]

    assert (payload["payload"]["fromLang"], payload["payload"]["toLang"]) == ("eng_Latn", "jpn_Jpan")


def test_every_example_is_a_body_of_its_address():
    document = told()

    every = {path: one["post"] for path, one in document["paths"].items() if "post" in one}
    posts = {path: one["requestBody"] for path, one in every.items() if "requestBody" in one}
    assert every.keys() - posts.keys() == {"/v1/batches/{id}/cancel", "/suggest", "/translate_file"}
    for path, body in posts.items():
        if "multipart/form-data" in body["content"]:
            continue
        content = body["content"]["application/json"]
        schema = content["schema"] | {"components": document["components"]}
        assert Draft202012Validator(schema).is_valid(content["example"]), path


def test_a_whole_number_may_be_spelled_with_a_fraction_of_nothing():
    assert {"type": "number", "multipleOf": 1} in fields("Record")["id"]["anyOf"]


def test_replies_have_warnings_and_the_marks_that_only_some_answers_have():
    assert "warnings" in fields("TranslationReply")
    assert {"degenerate", "truncated", "unread"} <= fields("TextAnswer").keys()
    assert told()["components"]["schemas"]["TextAnswer"]["required"] == ["id"]


def test_problems_have_the_members_that_only_some_have():
    assert {"limit", "languages"} <= fields("ProblemDocument").keys()


@pytest.mark.parametrize("task", ["classification", "embedding", "own"])
def test_a_model_may_have_languages_whatever_its_task(task):
    spoken = Live([card("m", task=task, languages=["en", "ja"])])

    body = told(spoken)["paths"]["/models/m"]["post"]["requestBody"]["content"]["application/json"]["schema"]

    assert body["$ref"].endswith(f"/{BODIES_OF_TASK.get(task, BODIES_OF_ANY).request.__name__}")


async def test_the_document_follows_the_models_that_live():
    async with running(ScriptedBroker([announced(card("a"))])) as jitney:
        before = (await jitney.client.get("/openapi.json")).json()["paths"]
        jitney.broker.announcements = [announced(card("b", task="translation"))]
        await jitney.look()

        after = (await jitney.client.get("/openapi.json")).json()["paths"]

    assert ("/models/a" in before, "/models/b" in before) == (True, False)
    assert ("/models/a" in after, "/models/b" in after) == (False, True)


@pytest.mark.parametrize(
    "value",
    ["0", "0.0009", "5e-324", "600.1", "3e38", "-1", "nan", "inf", "1_0", "0x10", "", " ", "1,5", "9" * 500, "1e999"],
)
async def test_a_time_limit_out_of_bounds_is_refused_with_the_bounds(value):
    async with running() as jitney:
        answer = await jitney.ask("life", headers={"X-Request-Timeout": value})

        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert "0.001 to 600" in answer.json()["detail"]


@pytest.mark.parametrize("value", ["600", "1", "1 ", "1.5", "6e1", "+2", ".5", "2.", "60.000000000000000000000000001"])
async def test_a_time_limit_within_bounds_is_taken(value):
    async with running() as jitney:
        assert (await jitney.ask("life", headers={"X-Request-Timeout": value})).status_code == 200


@pytest.mark.parametrize("number", [2.0, 1e2])
async def test_whole_numbers_with_a_fraction_of_nothing_are_taken(number):
    async with running(ScriptedBroker([announced(card(task="classification"))])) as jitney:
        body = {"payload": {"topK": number, "records": [{"id": number, "text": "life"}]}}

        answer = await jitney.client.post("/classification", json=body)

        (row,) = answer.json()["result"]
        assert (row["id"], row["options"]) == (number, {"topK": int(number)})


@pytest.mark.parametrize("fields", [{"topK": 1.5}, {"topK": 0.0}, {"topK": True}, {"topK": "2"}], ids=str)
async def test_numbers_that_are_not_whole_are_not_taken(fields):
    async with running(ScriptedBroker([announced(card(task="classification"))])) as jitney:
        assert (await jitney.ask("life", path="/classification", **fields)).status_code == 400


def test_a_client_may_name_a_webhook_where_these_are_on():
    assert "Jitney-Webhook" in parameters("/translation", webhooks=True)


def test_what_a_receiver_gets_is_described_where_webhooks_are_on():
    found = told(webhooks=True)

    sent = found["webhooks"]["prediction_ended"]
    body = sent["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {one["name"] for one in sent["post"]["parameters"]} == {*headers("id", b"{}", 1.0, [b"secret"])}
    assert body == {"$ref": "#/components/schemas/PredictionEvent"}
    assert found["components"]["schemas"]["PredictionEvent"]["properties"].keys() == {"type", "timestamp", "data"}
    assert "webhooks" not in told() and "PredictionEvent" not in told()["components"]["schemas"]


def test_a_client_that_has_the_document_may_say_which():
    found = told()["paths"]["/predictions/{id}"]["get"]

    assert "If-None-Match" in {one["name"] for one in found["parameters"]}
    assert all("ETag" in found["responses"][status]["headers"] for status in ("200", "304"))
