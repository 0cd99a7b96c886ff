"""What cannot be read, or asks for something that is not there, is told so: 400, 404, 405, 415, 422."""

from __future__ import annotations

import pytest

from tests.unit.server.stand_in import ScriptedBroker, announced, card, running, told

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b'{"payload"', id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="no payload"),
        pytest.param(b'{"payload": {}}', id="no records"),
        pytest.param(b'{"payload": {"records": {}}}', id="records are an object"),
        pytest.param(b'{"payload": {"records": [{"text": "a"}]}}', id="a record without id"),
        pytest.param(b'{"payload": {"records": [{"id": 1}]}}', id="a record without text"),
        pytest.param(b'{"payload": {"records": [{"id": 1.5, "text": "a"}]}}', id="an id that is a fraction"),
        pytest.param(b'{"payload": {"records": [{"id": true, "text": "a"}]}}', id="an id that is a boolean"),
        pytest.param(b'{"payload": {"records": [{"id": 1, "text": 2}]}}', id="a text that is a number"),
        pytest.param(b'{"payload": {"records": [{"id": 1, "text": "\xff"}]}}', id="not UTF-8"),
        pytest.param(b'{"payload": {"records": [{"id": 1, "text": "\\ud800"}]}}', id="half a surrogate pair"),
        pytest.param(b'{"payload": {"records": [], "deep": ' + b"[" * 100_000, id="nested without end"),
        pytest.param(b'{"payload": {"records": [{"id": ' + b"9" * 10_000 + b', "text": "a"}]}}', id="an endless id"),
    ],
)
async def test_a_malformed_body_is_400(body):
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=body)

        assert told(answer) == (400, "malformed")


async def test_of_a_field_that_takes_a_few_values_these_are_told_and_not_the_one_it_has():
    async with running() as jitney:
        payload = {"records": [], "fromLang": "en", "toLang": "ja", "format": "secret` - at `$.x"}
        answer = await jitney.client.post("/translation", json={"payload": payload})

        assert told(answer) == (400, "malformed")
        assert answer.json()["detail"].endswith("`$.payload.format` must be 'html' or 'text'.")


async def test_a_malformed_body_is_told_where():
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=b'{"payload": {"records": [{"id": 1, "text": 2}]}}')

        assert "$.payload.records[0].text" in answer.json()["detail"]


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf", "600.1", ""])
async def test_a_timeout_that_is_no_number_in_range_is_400(value):
    async with running() as jitney:
        answer = await jitney.ask("life", headers={"X-Request-Timeout": value})

        assert told(answer) == (400, "malformed")


async def test_a_top_k_below_one_is_400():
    async with running(ScriptedBroker([announced(card(task="classification"))])) as jitney:
        answer = await jitney.ask("life", path="/classification", topK=0)

        assert told(answer) == (400, "malformed")


async def test_a_model_by_name_asks_for_the_fields_of_its_task():
    async with running(ScriptedBroker([announced(card(task="translation"))])) as jitney:
        answer = await jitney.ask("life", fromLang="en")

        assert told(answer) == (400, "malformed")


async def test_a_name_never_seen_is_404_with_the_live_models():
    async with running() as jitney:
        answer = await jitney.ask("life", path="/models/ecko")

        assert told(answer) == (404, "unknown_model")
        assert answer.json()["detail"] == "There is no model 'ecko'. Live models: echo."


async def test_of_a_name_without_end_only_the_beginning_is_repeated():
    async with running(ScriptedBroker([announced(card(task="translation"))])) as jitney:
        answer = await jitney.ask("life", path="/translation", model="e" * 500_000, fromLang="en", toLang="fr")

        assert told(answer) == (404, "unknown_model")
        assert len(answer.content) < 1000


async def test_a_model_of_another_task_is_404_with_those_of_this_one():
    models = [announced(card("echo")), announced(card("vectors", task="embedding"))]
    async with running(ScriptedBroker(models)) as jitney:
        answer = await jitney.ask("life", path="/embedding", model="echo")

        assert told(answer) == (404, "unknown_model")
        assert answer.json()["detail"] == "Model 'echo' is for echoing, not for embedding. Live models: vectors."


@pytest.mark.parametrize("path", ["/translation/", "/models/", "/models/a/b", "/v2/models"])
async def test_an_unknown_address_is_404(path):
    async with running() as jitney:
        answer = await jitney.client.get(path)

        assert told(answer) == (404, "not_found")


async def test_a_wrong_method_is_405_with_the_right_one():
    async with running() as jitney:
        answer = await jitney.client.get("/translation")

        assert told(answer) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "byte order mark"),
        (b'{"deep": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"payload": "\\ud800"}', "a lone surrogate"),
        (b'{"payload": "a\\udc00b"}', "a lone surrogate"),
        (b'{"payload": "\\ud800\\u0041"}', "a lone surrogate"),
        (b'{"payload": {"records": [{"id": 1, "text": "\xed\xa0\x80"}]}}', "a lone surrogate"),
        (b'{"payload": {"records": [{"id": 1, "text": "\xff"}]}}', "it is not UTF-8"),
        (b'{"payload": NaN}', "invalid character (byte 12)"),
        (b'{"payload": ', "input data was truncated"),
    ],
)
async def test_a_body_that_cannot_be_read_is_told_why(body, reason):
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=body)

        assert told(answer) == (400, "malformed")
        assert reason in answer.json()["detail"]


async def test_a_number_beyond_all_numbers_in_a_model_s_own_field_is_400():
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=b'{"payload": {"records": [], "size": 1e999}}')

        assert told(answer) == (400, "malformed")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_another_content_type_is_415(kind):
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=b"{}", headers={"content-type": kind})

        assert told(answer) == (415, "unsupported_media_type")


async def test_an_unknown_language_is_422_with_the_known_ones():
    async with running(ScriptedBroker([announced(card(task="translation"))])) as jitney:
        answer = await jitney.ask("life", path="/translation", fromLang="tlh", toLang="ja")

        assert told(answer) == (422, "unknown_language")
        assert answer.json()["languages"] == ["en", "ja"]


async def test_one_impossible_record_alone_is_422():
    async with running() as jitney:
        answer = await jitney.ask("impossible")

        assert told(answer) == (422, "invalid_input")
        assert answer.json()["detail"] == "this text is impossible"
