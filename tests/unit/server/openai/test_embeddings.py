"""POST /v1/embeddings: what OpenAI's clients send, what they read, and what is refused before it costs anything."""

from __future__ import annotations

import asyncio
from array import array
from base64 import b64decode
from math import cos, radians, sin
from typing import Any

import httpx2
import pytest

from tests.unit.server.clustering.angles import angles
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, announced, answered, card

pytestmark = pytest.mark.anyio

PATH = "/v1/embeddings"
MATRYOSHKA = {"matryoshka": True}


async def embed(jitney: RunningFrontEnd, input: Any, **fields: Any) -> httpx2.Response:
    return await jitney.client.post(PATH, json={"input": input, "model": "compass", **fields})


def vector(degrees: float) -> list[float]:
    """As float32."""
    return list(array("f", [cos(radians(degrees)), sin(radians(degrees))]))


def error(answer: httpx2.Response) -> tuple[int, str, str | None]:
    """Status, code and field."""
    told = answer.json()["error"]
    return answer.status_code, told["code"], told["param"]


async def test_each_text_has_its_vector_and_the_reply_says_whose_they_are():
    async with angles() as jitney:
        answer = await embed(jitney, ["0", "90"])

        assert (answer.status_code, answer.headers["jitney-model"]) == (200, "compass@r1")
        assert answer.json() == {
            "object": "list",
            "data": [
                {"object": "embedding", "index": 0, "embedding": vector(0)},
                {"object": "embedding", "index": 1, "embedding": vector(90)},
            ],
            "model": "compass",
            "usage": {"prompt_tokens": 2, "total_tokens": 2},
        }


@pytest.mark.parametrize("further", [{}, {"user": "somebody"}, {"encoding_format": None, "dimensions": None}])
async def test_a_text_alone_has_a_row_as_well(further):
    async with angles() as jitney:
        answer = await embed(jitney, "60", **further)

        assert answer.json()["data"] == [{"object": "embedding", "index": 0, "embedding": vector(60)}]


async def test_in_base64_the_numbers_are_float32():
    async with angles() as jitney:
        answer = await embed(jitney, "60", encoding_format="base64")

        assert array("f", b64decode(answer.json()["data"][0]["embedding"])).tolist() == vector(60)


async def test_without_a_model_the_default_answers_and_is_named():
    async with angles() as jitney:
        answer = await jitney.client.post(PATH, json={"input": "60"})

        assert answer.json()["model"] == "compass"


async def test_as_many_texts_as_openai_takes_are_taken():
    async with angles() as jitney:
        answer = await embed(jitney, [str(place % 360) for place in range(2048)])
        more = await embed(jitney, ["0"] * 2049)

        assert [row["embedding"] for row in answer.json()["data"]] == [vector(place % 360) for place in range(2048)]
        assert error(more) == (413, "too_large", None)


async def test_bodies_are_as_much_larger_than_elsewhere():
    async with angles(max_body_bytes=100) as jitney:
        answers = [await embed(jitney, ["0"] * count) for count in (100, 200)]

        assert [answer.status_code for answer in answers] == [200, 413]


@pytest.mark.parametrize("ids", [[1, 2], [[1, 2], [3]], [[]], [[1]], [-1]])
async def test_token_ids_are_refused_with_the_setting_that_helps(ids):
    async with angles() as jitney:
        answer = await embed(jitney, ids)

        assert error(answer) == (400, "malformed", "input")
        assert ("check_embedding_ctx_length=False" in answer.text) == (ids != [[]])


async def test_a_text_that_speaks_of_token_ids_has_none():
    async with angles() as jitney:
        answer = await embed(jitney, '{"input": [1]}', dimensions=0)

        assert error(answer) == (400, "malformed", "dimensions")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"input": []}, "input", id="no text"),
        pytest.param({"input": None}, "input", id="null"),
        pytest.param({}, None, id="no input"),
        pytest.param({"input": {"text": "0"}}, "input", id="an object"),
        pytest.param({"input": "0", "encoding_format": "md5"}, "encoding_format", id="another encoding"),
        pytest.param({"input": "0", "dimensions": 0}, "dimensions", id="no dimension"),
        pytest.param({"input": "0", "model": 1}, "model", id="a model that is no name"),
    ],
)
async def test_a_body_that_is_not_as_it_should_be_says_where(body, field):
    async with angles() as jitney:
        answer = await jitney.client.post(PATH, json=body)

        assert error(answer) == (400, "malformed", field)


async def test_another_encoding_is_told_which_there_are():
    async with angles() as jitney:
        answer = await embed(jitney, "0", encoding_format="md5")

        assert answer.json()["error"]["message"].endswith("`$.encoding_format` must be 'base64' or 'float'")


async def test_a_client_whose_address_has_no_v1_is_answered_all_the_same():
    async with angles() as jitney:
        theirs = await jitney.client.post("/embeddings", json={"input": ["0", "90"]})
        refused = await jitney.client.post("/embeddings", json={"input": []})

        assert theirs.content == (await jitney.client.post(PATH, json={"input": ["0", "90"]})).content
        assert error(refused) == (400, "malformed", "input")
        assert error(await jitney.client.get("/embeddings")) == (405, "method_not_allowed", None)


async def test_one_text_that_cannot_be_read_refuses_all_before_any_is_computed():
    async with angles() as jitney:
        answer = await embed(jitney, ["0", "impossible", "90"])

        assert error(answer) == (400, "invalid_input", "input")
        assert answer.json()["error"]["message"] == "input[1]: this text is impossible"
        assert jitney.broker.jobs == []


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [("fail:poison", 422, "poison"), ("nothing", 422, "model_error"), ("flat", 422, "model_error")],
)
async def test_one_text_that_fails_refuses_all(text, status, code):
    async with angles() as jitney:
        answer = await embed(jitney, ["0", text])

        assert error(answer) == (status, code, "input")
        assert answer.json()["error"]["message"].startswith("input[1]: ")


@pytest.mark.parametrize(
    ("options", "asked", "expected"),
    [
        pytest.param({}, 2, vector(60), id="all there are"),
        pytest.param(MATRYOSHKA, 1, [1.0], id="fewer, scaled again"),
        pytest.param({**MATRYOSHKA, "is_unit": False}, 1, vector(60)[:1], id="fewer, of vectors that have any length"),
    ],
)
async def test_dimensions_are_the_first_numbers_of_a_model_that_was_trained_for_it(options, asked, expected):
    async with angles(options=options) as jitney:
        answer = await embed(jitney, "60", dimensions=asked)

        assert answer.json()["data"][0]["embedding"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "asked", "said"),
    [
        pytest.param({}, 1, "'dimensions' must be 2 or left out", id="it was not trained for it"),
        pytest.param(MATRYOSHKA, 3, "'dimensions' must be at most 2", id="it has no more"),
    ],
)
async def test_other_dimensions_are_refused(options, asked, said):
    async with angles(options=options) as jitney:
        answer = await embed(jitney, "60", dimensions=asked)

        assert error(answer) == (400, "invalid_input", "dimensions")
        assert said in answer.text


async def test_who_is_not_there_is_said_as_clients_know_it():
    async with angles() as jitney:
        jitney.broker.announcements.append(announced(card("echo")))
        await jitney.look()
        answers = [await embed(jitney, "0", model=name) for name in ("text-embedding-3-small", "echo")]
        jitney.broker.announcements = [announced(jitney.broker.announcements[0].card, batchers=0)]
        await jitney.look()
        answers.append(await embed(jitney, "0"))

        assert [error(answer)[:2] for answer in answers] == [
            (404, "model_not_found"),
            (404, "model_not_found"),
            (503, "no_batcher"),
        ]
        assert answers[-1].headers["retry-after"]


async def test_vectors_of_two_revisions_do_not_come_in_one_reply():
    async with angles(ScriptedBroker(answers=False)) as jitney, asyncio.TaskGroup() as group:
        asking = group.create_task(embed(jitney, ["0", "90"]))
        await jitney.broker.admitted.wait()
        jitney.broker.publish(answered(jitney.broker.jobs[0]))
        await jitney.until(lambda: jitney.front_end.pending.waiting[0].left == 1)
        jitney.broker.answers = True
        jitney.broker.announcements = [announced(card("compass", task="embedding", revision="r2"))]
        await jitney.look()
        answer = await asking

        assert error(answer) == (503, "no_batcher", None)
        assert "two revisions" in answer.text and "retry-after" in answer.headers


async def test_a_deadline_that_passes_is_told_as_such():
    async with angles() as jitney:
        jitney.broker.answers = False
        answer = await jitney.client.post(PATH, json={"input": ["0"]}, headers={"X-Request-Timeout": "0.01"})

        assert error(answer) == (504, "expired", None)


async def test_it_is_no_stream_and_is_not_answered_later():
    async with angles() as jitney:
        headers = {"Accept": "application/x-ndjson", "Prefer": "respond-async"}
        answer = await jitney.client.post(PATH, json={"input": "0"}, headers=headers)

        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
