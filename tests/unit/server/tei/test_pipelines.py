"""POST /models/{name} with `inputs`: what Hugging Face's clients send for each task, and what they read."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from server.dialects.huggingface.flavour import FLAVOUR
from server.errors import Problem
from tests.unit.server.api.pictures import PICTURE, with_pictures
from tests.unit.server.openai.test_embeddings import vector
from tests.unit.server.tei.several import several

pytestmark = pytest.mark.anyio

CLIENT = {"user-agent": "unknown/None; hf_hub/2.4.0; python/3.11.2"}
GOOD = [{"label": "good", "score": 0.5}, {"label": "so so", "score": 0.02}, {"label": "bad", "score": 0.01}]
CHOICE = {"candidate_labels": ["red", "blue"], "multi_label": True}
CHOSEN = [{"label": "red", "score": 1.0}, {"label": "blue", "score": 0.01}]


@pytest.mark.parametrize(
    ("model", "body", "told"),
    [
        pytest.param("compass", {"inputs": "60"}, [vector(60)], id="a text"),
        pytest.param("compass", {"inputs": ["0", "60"], "truncate": True}, [vector(0), vector(60)], id="texts"),
        pytest.param("judge", {"inputs": "a day", "parameters": {}}, [GOOD], id="labels"),
        pytest.param("judge", {"inputs": ["a day"] * 2}, [GOOD, GOOD], id="labels of several"),
        pytest.param("judge", {"inputs": "a day", "parameters": {"top_k": 1}}, [GOOD[:1]], id="the best label"),
        pytest.param("judge", {"inputs": "a day", "parameters": {"top_k": 2}}, [GOOD[:2]], id="the best labels"),
        pytest.param("open", {"inputs": "day", "parameters": CHOICE}, CHOSEN, id="chosen labels"),
        pytest.param("open", {"inputs": ["day"], "parameters": CHOICE}, [CHOSEN], id="of several"),
    ],
)
async def test_each_task_is_answered_as_its_pipeline_does(model, body, told):
    async with several() as jitney:
        answer = await jitney.client.post(f"/models/{model}", json=body)

        assert (answer.status_code, answer.json()) == (200, told), answer.text


@pytest.mark.parametrize(("inputs", "told"), [("a box", ["A BOX"]), (["a box", "life"], ["A BOX", "LIFE"])])
async def test_a_translation_is_named_as_the_client_reads_it(inputs, told):
    parameters = {"src_lang": "en", "tgt_lang": "ja", "truncation": "do_not_truncate"}
    async with several() as jitney:
        answer = await jitney.client.post("/models/small", json={"inputs": inputs, "parameters": parameters})

        assert answer.json() == [{"translation_text": text} for text in told]


async def test_what_is_said_beside_inputs_counts_where_parameters_do_not_say_it():
    said = [{"dimensions": 1}, {"dimensions": 1, "parameters": {}}, {"dimensions": 2, "parameters": {"dimensions": 1}}]
    async with several() as jitney:  # its model has vectors of one length alone
        answers = [await jitney.client.post("/models/compass", json={"inputs": "0", **one}) for one in said]

        assert [answer.status_code for answer in answers] == [422] * 3
        assert len({answer.json()["error"] for answer in answers}) == 1


@pytest.mark.parametrize("parameters", [{}, {"parameters": {}}])
async def test_a_sentence_is_compared_with_others(parameters):
    inputs = {"source_sentence": "0", "sentences": ["60", "90"]}
    async with several() as jitney:
        answer = await jitney.client.post("/models/compass", json={"inputs": inputs, **parameters})

        assert answer.json() == pytest.approx([0.5, 0.0], abs=1e-6)


@pytest.mark.parametrize(
    ("model", "body", "status", "said"),
    [
        pytest.param("small", {"inputs": "a"}, 422, "parameters", id="no languages"),
        pytest.param(
            "small", {"inputs": "a", "parameters": {"src_lang": "tlh", "tgt_lang": "ja"}}, 422, "tlh", id="no language"
        ),
        pytest.param("judge", {"inputs": []}, 422, "$.inputs", id="no text"),
        pytest.param(
            "judge",
            {"inputs": "a", "parameters": {"function_to_apply": "none"}},
            422,
            "function_to_apply must be left out",
            id="raw",
        ),
        pytest.param("open", {"inputs": "a", "parameters": {"candidate_labels": "a"}}, 422, "labels", id="no labels"),
        pytest.param("compass", {"inputs": ["0", "impossible"]}, 422, "inputs[1]: this text", id="one of several"),
        pytest.param("compass", {"inputs": ["0", "fail:poison"]}, 424, "fail:poison", id="one that crashes batchers"),
        pytest.param("ranker", {"inputs": "a"}, 422, "no pipeline", id="no pipeline"),
        pytest.param("echo", {"inputs": "a"}, 422, "no pipeline", id="a task of one's own"),
        pytest.param("nobody", {"inputs": "a"}, 404, "nobody", id="no model"),
    ],
)
async def test_what_cannot_be_answered_refuses_the_request_in_words_that_clients_show(model, body, status, said):
    async with several() as jitney:
        answer = await jitney.client.post(f"/models/{model}", json=body)

        assert answer.status_code == status
        assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("fromLang: 'tlh' is not one of them", "src_lang: 'tlh' is not one of them"),
        ("labels are missing", "candidate_labels are missing"),
        ("a label, or labels, of fromLang", "a label, or labels, of fromLang"),
        ("", ""),
    ],
)
def test_a_field_has_the_name_that_clients_know(ours, theirs):
    told = json.loads(FLAVOUR.refuse(Problem("invalid_input", ours), "1").body)

    assert told["error"] == told["message"] == told["detail"] == theirs


async def test_our_own_body_is_answered_as_ever():
    async with several() as jitney:
        answer = await jitney.ask("a day", path="/models/judge")
        neither = await jitney.client.post("/models/judge", json={"text": "a day"})

        assert answer.json() == {"result": [{"id": 0, **GOOD[0]}]}
        assert (neither.status_code, neither.json()["code"]) == (400, "malformed")


def labels(count: int) -> list[dict[str, Any]]:
    return [{"label": f"N{len(PICTURE)}.{place}", "score": 0.5 / (place + 1)} for place in range(count)]


@pytest.mark.parametrize("kind", [{}, {"content-type": "image/png"}])
async def test_a_picture_alone_is_answered_as_its_client_reads_it(kind):
    async with with_pictures() as jitney:
        theirs = await jitney.client.post("/models/photo", content=PICTURE, headers=CLIENT | kind)
        ours = await jitney.client.post("/models/photo", content=PICTURE, headers=kind)

        assert theirs.json() == labels(5)
        assert ours.json() == {"result": [{"id": 0, **labels(1)[0]}]}


async def test_a_picture_in_base64_comes_with_parameters():
    body = {"inputs": b64encode(PICTURE).decode(), "parameters": {"top_k": 2}}
    async with with_pictures() as jitney:
        answer = await jitney.client.post("/models/photo", json=body)

        assert answer.json() == labels(2)
