"""POST /rerank: the best first, and what failed after all that did not."""

from __future__ import annotations

import pytest

from server.dialects.best_first import best_first
from tests.unit.server.stand_in import ScriptedBroker, WordCodec, announced, card, running, told

pytestmark = pytest.mark.anyio
SCORES = {"BAD": 0.125, "FAIR": 0.5, "GOOD": 0.75}


class Scoring(WordCodec):
    def decode(self, plan, outputs):
        return {"score": SCORES[outputs[0]]} | ({"truncated": True} if len(outputs) > 1 else {})


def reranking(**how):
    return running(ScriptedBroker([announced(card("ranker", task="rerank"))]), make_codec=Scoring, **how)


async def test_the_best_stands_first_and_those_alike_in_their_order():
    async with reranking() as jitney:
        answer = await jitney.ask("bad", "good", "fair", "good", path="/rerank", query="what?")

        assert answer.json()["result"] == [
            {"id": 1, "index": 1, "score": 0.75},
            {"id": 3, "index": 3, "score": 0.75},
            {"id": 2, "index": 2, "score": 0.5},
            {"id": 0, "index": 0, "score": 0.125},
        ]


async def test_topk_cuts_the_answer_and_no_error():
    async with reranking() as jitney:
        answer = await jitney.ask("bad", "impossible", "good", path="/rerank", query="what?", topK=1)

        assert answer.json()["result"] == [
            {"id": 2, "index": 2, "score": 0.75},
            {"id": 1, "index": 1, "error": {"code": "invalid_input", "message": "this text is impossible"}},
        ]


async def test_two_records_of_one_id_are_told_apart_by_their_index():
    async with reranking() as jitney:
        records = [{"id": "a", "text": "bad"}, {"id": "a", "text": "good"}]

        answer = await jitney.client.post("/rerank", json={"payload": {"query": "what?", "records": records}})

        assert [(row["id"], row["index"]) for row in answer.json()["result"]] == [("a", 1), ("a", 0)]


@pytest.mark.parametrize("path", ["/rerank", "/models/ranker"])
async def test_a_pair_that_was_cut_is_counted(path):
    async with reranking() as jitney:
        answer = await jitney.ask("good long", "bad", path=path, query="what?")

        assert [row.get("truncated") for row in answer.json()["result"]] == [True, None]
        assert jitney.front_end.metrics.truncated_records == {("ranker",): 1}


async def test_a_query_is_needed():
    async with reranking() as jitney:
        answer = await jitney.ask("good", path="/rerank")

        assert told(answer) == (400, "malformed")
        assert "query" in answer.json()["detail"]


async def test_query_and_topk_reach_the_codec():
    async with running(ScriptedBroker([announced(card(task="rerank"))])) as jitney:
        answer = await jitney.ask("good", path="/rerank", query="what?", topK=2)

        assert answer.json()["result"][0]["options"] == {"query": "what?", "topK": 2}


async def test_a_model_of_ones_own_that_gives_no_scores_is_answered_in_the_order_of_the_request():
    rows = [{"id": 1, "text": "a"}, {"id": 2, "score": 0.5}, {"id": 3, "score": True}]

    assert [row["id"] for row in best_first(rows, None)] == [2, 1, 3]
