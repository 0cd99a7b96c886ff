"""/rerank as Jina's and Cohere's clients send it, at the addresses of both."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.server.stand_in import RunningFrontEnd
from tests.unit.server.tei.several import several

pytestmark = pytest.mark.anyio

PATHS = ["/rerank", "/v1/rerank", "/v2/rerank"]
DOCUMENTS = ["0.25", {"text": "0.75"}, "0.5"]


async def ranks(jitney: RunningFrontEnd, path: str = PATHS[0], **fields: Any) -> Any:
    answer = await jitney.client.post(path, json={"query": "which?", "documents": DOCUMENTS, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("path", PATHS)
async def test_the_best_stand_first_with_their_places(path):
    async with several() as jitney:
        told = await ranks(jitney, path)

        assert told["results"] == [
            {"index": 1, "relevance_score": 0.75},
            {"index": 2, "relevance_score": 0.5},
            {"index": 0, "relevance_score": 0.25},
        ]


async def test_as_many_come_back_as_are_asked_for_and_with_their_texts_on_demand():
    async with several() as jitney:
        told = await ranks(jitney, top_n=1, return_documents=True)

        assert told["results"] == [{"index": 1, "relevance_score": 0.75, "document": {"text": "0.75"}}]


async def test_who_answered_which_request_with_how_many_tokens_stands_beside():
    async with several() as jitney:
        answer = await jitney.client.post(
            "/v2/rerank", json={"query": "which?", "documents": DOCUMENTS}, headers={"X-Request-ID": "mine"}
        )
        told = answer.json()

        assert (told["id"], told["model"]) == ("mine", "ranker")
        assert told["usage"]["total_tokens"] == told["meta"]["tokens"]["input_tokens"] == 9


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        pytest.param({"documents": []}, 400, "$.documents", id="none"),
        pytest.param({"documents": [{"image": "a"}]}, 400, "text", id="a picture"),
        pytest.param({"documents": ["0.5", "a"]}, 422, "documents[1]: text is no number", id="one cannot be read"),
        pytest.param({"documents": ["fail:poison"]}, 422, "fail:poison happened", id="one crashes batchers"),
        pytest.param({"documents": ["fail:model_error", "0"]}, 422, "documents[0]: ", id="one fails"),
        pytest.param({"query": ""}, 422, "query is empty", id="no query"),
        pytest.param({"top_n": 0}, 400, "$.top_n", id="nothing"),
        pytest.param({"model": "rerank-v3.5"}, 404, "rerank-v3.5", id="no such model"),
        pytest.param({"model": "compass"}, 404, "not for rerank", id="one of another task"),
    ],
)
@pytest.mark.parametrize("path", PATHS)
async def test_what_cannot_be_ranked_refuses_the_request(path, fields, status, said):
    async with several() as jitney:
        answer = await jitney.client.post(path, json={"query": "which?", "documents": DOCUMENTS, **fields})

        assert answer.status_code == status
        assert said in answer.json()["message"] and answer.json()["error"] == answer.json()["detail"]


async def test_three_apis_share_an_address_and_each_body_is_answered_in_its_own():
    async with several() as jitney:
        ours = await jitney.ask("0.25", "0.75", path="/rerank", query="which?")
        tei = await jitney.client.post("/rerank", json={"query": "which?", "texts": ["0.25"]})
        jina = await jitney.client.post("/rerank", json={"query": "which?", "documents": ["0.25"]})
        none = await jitney.client.post("/rerank", json={"query": "which?"})

        assert [row["id"] for row in ours.json()["result"]] == [1, 0]
        assert tei.json() == [{"index": 0, "score": 0.25}]
        assert jina.json()["results"] == [{"index": 0, "relevance_score": 0.25}]
        assert (none.status_code, none.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("path", PATHS)
async def test_another_method_is_refused_in_words_that_clients_read(path):
    async with several() as jitney:
        answer = await jitney.client.get(path)

        assert (answer.status_code, answer.json()["message"]) == (405, answer.json()["detail"])
