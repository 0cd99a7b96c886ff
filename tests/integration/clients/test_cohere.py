"""Cohere's own client of either age, given nothing but where the server is."""

from __future__ import annotations

from collections.abc import Iterator

import cohere
import httpx
import pytest

from tests.integration.stack import Stack

QUERY, DOCUMENTS = "word1 word2", ["word3", "word1 word2", "word1 word3"]


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:  # cohere's own is never closed
        yield client


def test_the_newer_one_reads_the_best_first(everybody: Stack, http: httpx.Client) -> None:
    reply = cohere.ClientV2("none", base_url=everybody.url, httpx_client=http).rerank(
        model="ranker", query=QUERY, documents=DOCUMENTS, top_n=2
    )

    assert [(one.index, one.relevance_score) for one in reply.results] == [(1, 1.0), (2, 0.5)]
    assert reply.id


def test_the_older_one_reads_their_texts_too(everybody: Stack, http: httpx.Client) -> None:
    reply = cohere.Client("none", base_url=everybody.url, httpx_client=http).rerank(
        model="ranker", query=QUERY, documents=DOCUMENTS, return_documents=True
    )

    assert [one.document.text for one in reply.results if one.document] == [DOCUMENTS[at] for at in (1, 2, 0)]


def test_it_raises_what_was_wrong(everybody: Stack, http: httpx.Client) -> None:
    client = cohere.ClientV2("none", base_url=everybody.url, httpx_client=http)

    with pytest.raises(cohere.NotFoundError, match=r"rerank-v3\.5"):
        client.rerank(model="rerank-v3.5", query=QUERY, documents=DOCUMENTS)
    with pytest.raises(cohere.UnprocessableEntityError, match=r"documents\[1\]: text is empty"):
        client.rerank(model="ranker", query=QUERY, documents=["word1", ""])
