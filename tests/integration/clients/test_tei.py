"""What LlamaIndex, Chroma and Haystack send to a server of TEI, by a plain client: their packages are large."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.integration.stack import Stack

TEXTS = ["word1 word2", "word3"]
VECTORS = [[2 / 3, 1.0, 0.0], [4 / 3, 0.0, 0.0]]


def post(system: Stack, path: str, body: Any, **headers: str) -> Any:
    answer = httpx2.post(system.url + path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("path", ["/embed", "/models/thirds/embed", "/"])
def test_llamaindex_and_chroma_embed(everybody: Stack, path: str) -> None:
    body = {"inputs": TEXTS, "truncate": True, "normalize": False}

    assert post(everybody, path, body, authorization="Bearer none") == [pytest.approx(one) for one in VECTORS]


def test_llamaindex_reranks_with_a_token_that_is_not_called_bearer(everybody: Stack) -> None:
    body = {"query": "word1", "raw_scores": False, "return_text": False, "texts": ["word2", "word1"], "truncate": True}

    ranks = post(everybody, "/rerank", body, authorization="none")

    assert ranks == [{"index": 1, "score": 1.0}, {"index": 0, "score": 0.0}]


def test_haystack_ranks(everybody: Stack) -> None:
    body = {"query": "word1", "texts": ["word2", "word1"], "raw_scores": False, "truncation_direction": "Right"}

    assert [one["index"] for one in post(everybody, "/rerank", body)] == [1, 0]


def test_texts_are_labelled_and_compared(everybody: Stack) -> None:
    labels = post(everybody, "/predict", {"inputs": "word1"})
    similar = post(everybody, "/similarity", {"inputs": {"source_sentence": "word1", "sentences": ["word1"]}})

    assert [one["label"] for one in labels] == ["good", "so so", "bad"]
    assert similar == [pytest.approx(1.0)]


@pytest.mark.parametrize("path", ["/tokenize", "/models/ranker/tokenize"])
def test_tokens_are_told_with_their_places(everybody: Stack, path: str) -> None:
    (tokens,) = post(everybody, path, {"inputs": "word1 word3"})

    assert [(one["text"], one["start"], one["stop"]) for one in tokens if not one["special"]] == [
        ("word1", 0, 5),
        ("word3", 6, 11),
    ]


@pytest.mark.parametrize("base", ["", "/models/ranker"])
def test_ids_of_tokens_become_their_text(everybody: Stack, base: str) -> None:
    (tokens,) = post(everybody, f"{base}/tokenize", {"inputs": "word1 word3"})

    assert post(everybody, f"{base}/decode", {"ids": [one["id"] for one in tokens]}) == ["word1 word3"]


@pytest.mark.parametrize("path", ["/", "/info", "/health", "/ping", "/models/ranker/info", "/models/ranker/health"])
def test_whoever_asks_how_it_is_gets_an_answer(everybody: Stack, path: str) -> None:
    answer = httpx2.get(everybody.url + path)

    assert (answer.status_code, answer.json() != {}) == (200, True)
