"""OpenAI's own client against real processes, with nothing said to it but where they are."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.integration.batch.commands import batch, rows
from tests.integration.stack import Stack, stack
from tests.integration.toy_vocabularies import WORDS

pytestmark = pytest.mark.anyio

MODEL = "thirds"
IDS = {word: place + 1 for place, word in enumerate(WORDS)}

FIFTEEN_HUNDRED = [f"{first} {second}" for first in WORDS[:30] for second in WORDS]


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with stack(models=["tests.integration.toy_embedders:Thirds", "synthetic:1ms+0.1ms"]) as made:
        yield made


@pytest.fixture
def client(system: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="none", base_url=f"{system.url}/v1") as made:
        yield made


def expected(text: str) -> list[float]:
    """As float32."""
    return list(array("f", [id / 3 for id in [*(IDS[word] for word in text.split()), 0, 0, 0][:3]]))


def test_a_text_has_its_vector_in_base64_which_the_client_asks_for_and_reads(client: openai.OpenAI) -> None:
    reply = client.embeddings.create(model=MODEL, input="word1 word2")

    assert reply.data[0].embedding == expected("word1 word2")
    assert (reply.model, reply.data[0].index, reply.usage.prompt_tokens) == (MODEL, 0, 2)


def test_as_floats_it_is_the_same(client: openai.OpenAI) -> None:
    reply = client.embeddings.create(model=MODEL, input=["word1 word2"], encoding_format="float")

    assert reply.data[0].embedding == expected("word1 word2")


def test_its_first_numbers_can_be_asked_for(client: openai.OpenAI) -> None:
    reply = client.embeddings.create(model=MODEL, input="word1 word2", dimensions=2)

    assert reply.data[0].embedding == expected("word1 word2")[:2]


async def test_a_thousand_texts_come_back_in_their_order(system: Stack) -> None:
    texts = [f"{word} word1" for word in islice(cycle(WORDS), 1000)]
    async with openai.AsyncOpenAI(api_key="none", base_url=f"{system.url}/v1") as client:
        reply = await client.embeddings.create(model=MODEL, input=texts)

    assert [row.embedding for row in reply.data] == [expected(text) for text in texts]
    assert [row.index for row in reply.data] == list(range(1000))


def test_fifteen_hundred_texts_come_as_langchain_sends_them(client: openai.OpenAI) -> None:
    texts = FIFTEEN_HUNDRED
    replies = [client.embeddings.create(model=MODEL, input=part) for part in (texts[:1000], texts[1000:])]

    assert [len(reply.data) for reply in replies] == [1000, 500]
    assert [row.embedding for reply in replies for row in reply.data] == [expected(text) for text in texts]


def test_langchain_itself_reads_fifteen_hundred(system: Stack) -> None:
    langchain = pytest.importorskip("langchain_openai", reason="pip install langchain-openai")
    where = {"model": MODEL, "base_url": f"{system.url}/v1", "api_key": "k"}
    with openai.DefaultHttpxClient() as http:
        model = langchain.OpenAIEmbeddings(**where, check_embedding_ctx_length=False, http_client=http)
        found = model.embed_documents(FIFTEEN_HUNDRED)

    assert found == [expected(text) for text in FIFTEEN_HUNDRED]


def test_token_ids_are_refused_with_words_that_help(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
        client.embeddings.create(model=MODEL, input=[[1, 2], [3]])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param({"input": ""}, "text is empty", id="an empty text"),
        pytest.param({"input": ["word1", ""]}, r"input\[1\]: text is empty", id="an empty text among others"),
        pytest.param({"input": []}, "length >= 1", id="no text"),
        pytest.param({"input": "word1", "encoding_format": "md5"}, "'base64' or 'float'", id="another encoding"),
    ],
)
def test_what_cannot_be_embedded_is_told_and_not_asked_again(
    client: openai.OpenAI, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=said) as told:
        client.embeddings.create(model=MODEL, **asked)

    assert told.value.type == "invalid_request_error"


def test_models_are_listed_and_found_and_missed(client: openai.OpenAI) -> None:
    found = client.models.retrieve(MODEL)

    assert {model.id for model in client.models.list()} == {MODEL, "synthetic"}
    assert (found.id, found.owned_by) == (MODEL, "jitney")
    assert found.created > 1_700_000_000
    with pytest.raises(openai.NotFoundError) as missed:
        client.embeddings.create(model="text-embedding-3-small", input="word1")
    assert missed.value.code == "model_not_found"


def test_an_address_that_is_not_there_is_told_in_the_client_s_words(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="GET /docs") as told:
        client.moderations.create(input="word1")

    assert told.value.code == "not_found"


def test_a_file_of_its_lines_is_answered_as_the_client_is(system: Stack, tmp_path: Path) -> None:
    texts = ["word1", "", "word2 word1"]
    body = [{"model": MODEL, "input": text, "encoding_format": "float"} for text in texts]
    lines = [
        {"custom_id": str(at), "method": "POST", "url": "/v1/embeddings", "body": said} for at, said in enumerate(body)
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))

    done = batch(source, system.url, endpoint="")

    responses = [row["response"] for row in rows(tmp_path / "out.jsonl")]
    assert (done.returncode, [response["status_code"] for response in responses]) == (1, [200, 400, 200])
    assert responses[1]["body"]["error"]["code"] == "invalid_input"
    assert responses[2]["request_id"] and responses[2]["body"]["model"] == MODEL
    assert array("f", responses[2]["body"]["data"][0]["embedding"]).tolist() == expected(texts[2])
