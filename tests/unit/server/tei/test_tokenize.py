"""POST /tokenize and /decode: what the model's own tokenizer makes of a text, where each token stands, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel

from server.codecs import make_codec
from server.codecs.tokenizer import MOST
from tests.unit.server.codecs.pairs.toys import files as pair_files
from tests.unit.server.codecs.test_text import byte_by_byte, tokenizer_json
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, announced, card, running, told

pytestmark = pytest.mark.anyio

CLS, SEP = (
    {"id": id, "text": text, "special": True, "start": None, "stop": None} for id, text in ((1, "[CLS]"), (2, "[SEP]"))
)
PROMPTS = {"query": "one ", "none": ""}


def model(name: str, task: str, codec: str, file: bytes, **further: Any) -> Any:
    return card(name, task=task, codec=codec, artifacts={"tokenizer.json": sha256(file).hexdigest()}, **further)


def as_published(file: bytes, decoder: Any = None) -> bytes:
    """It knows which of its tokens are special, and how bytes are joined."""
    tokenizer = Tokenizer.from_str(file.decode())
    tokenizer.add_special_tokens(["[CLS]", "[SEP]"])
    if decoder is not None:
        tokenizer.decoder = decoder
    return tokenizer.to_str().encode()


WORDS, PAIRS = as_published(tokenizer_json()), as_published(pair_files()["tokenizer.json"])
BYTES = as_published(byte_by_byte(), ByteLevel())
CARDS = (
    model("words", "embedding", "text", WORDS, options={"prompts": PROMPTS}),
    model("bytes", "embedding", "text", BYTES),
    model("mood", "classification", "text", WORDS, labels=("sad", "glad")),
    model("ranker", "rerank", "rerank", PAIRS),
    model("open", "zero-shot", "zero-shot", PAIRS),
    card("plain", task="translation", codec="passthrough"),
)


@asynccontextmanager
async def tokenizing(*tasks: str, **how: Any) -> AsyncIterator[RunningFrontEnd]:
    """With real codecs: of the models of these tasks, else of all."""
    files = {sha256(file).hexdigest(): file for file in (WORDS, BYTES, PAIRS)}
    broker = ScriptedBroker([announced(one) for one in CARDS if not tasks or one.task in tasks], files=files)
    async with running(broker, make_codec=make_codec, **how) as jitney:
        yield jitney


def word(id: int, text: str, start: int) -> dict[str, Any]:
    return {"id": id, "text": text, "special": False, "start": start, "stop": start + len(text)}


ONE_OTHER = [word(5, "one", 1), word(0, "été", 6)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"inputs": " one  été"}, [[CLS, *ONE_OTHER, SEP]]),
        ({"inputs": [" one  été", ""]}, [[CLS, *ONE_OTHER, SEP], [CLS, SEP]]),
        ({"inputs": " one  été", "add_special_tokens": False}, [ONE_OTHER]),
        (
            {"inputs": "two", "prompt_name": "query", "add_special_tokens": False},
            [[word(5, "one", 0), word(6, "two", 4)]],
        ),
    ],
)
async def test_each_text_has_a_list_of_its_tokens_and_their_places_in_characters(body, expected):
    async with tokenizing("embedding") as jitney:
        answer = await jitney.client.post("/models/words/tokenize", json=body)

        assert (answer.status_code, answer.headers["jitney-model"]) == (200, "words@r1"), answer.text
        assert answer.json() == expected
        assert jitney.broker.jobs == []


async def test_tokens_that_are_a_part_of_a_character_say_which():
    async with tokenizing("embedding") as jitney:
        answer = await jitney.client.post("/tokenize", json={"inputs": "a🦊", "model": "bytes"})

        (tokens,) = answer.json()
        assert [(one["text"], one["start"], one["stop"]) for one in tokens[1:-1]] == [("a", 0, 1), *[("🦊", 1, 2)] * 4]


@pytest.mark.parametrize("model", ["mood", "ranker", "open"])
async def test_models_that_label_and_rank_texts_have_tokens_too(model):
    text = "two ways"
    file = PAIRS if model != "mood" else WORDS
    async with tokenizing() as jitney:
        answer = await jitney.client.post(f"/models/{model}/tokenize", json={"inputs": text})

        tokenizer = Tokenizer.from_str(file.decode())
        tokenizer.no_padding()
        assert [one["id"] for one in answer.json()[0]] == tokenizer.encode(text).ids


@pytest.mark.parametrize(
    ("tasks", "name"), [((), "bytes"), (("rerank", "classification"), "ranker"), (("classification",), "mood")]
)
async def test_without_a_name_it_is_the_model_that_a_client_would_mean(tasks, name):
    async with tokenizing(*tasks) as jitney:
        answer = await jitney.client.post("/tokenize", json={"inputs": "one"})

        assert answer.headers["jitney-model"] == f"{name}@r1"


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        pytest.param("/tokenize", {"inputs": ["one"], "prompt_name": "no"}, 422, "inputs[0]: this", id="no prompt"),
        pytest.param("/tokenize", {"inputs": "x" * (MOST + 1)}, 422, f"more than {MOST}", id="a long text"),
        pytest.param("/tokenize", {"inputs": ["x"] * 2049}, 422, "at most 2048", id="many texts"),
        pytest.param("/tokenize", {"inputs": [[1, 2]]}, 422, "not as it should be", id="ids"),
        pytest.param("/tokenize", {"inputs": "x", "model": "nobody"}, 404, "nobody", id="no model"),
        pytest.param("/models/plain/tokenize", {"inputs": "x"}, 422, "'plain' cannot be told", id="no tokenizer"),
    ],
)
async def test_what_has_no_tokens_is_refused_in_tei_s_words(path, body, status, said):
    async with tokenizing() as jitney:
        answer = await jitney.client.post(path, json=body)

        assert (answer.status_code, answer.json()["error_type"]) == (status, "Validation")
        assert said in answer.json()["error"]


async def test_more_than_may_be_in_hand_is_not_made():
    text = "one " * 5_000  # 300 KB of JSON
    async with tokenizing(max_bytes_in_hand=1_000_000, max_body_bytes=200_000) as jitney:
        answers = [
            await jitney.client.post("/models/words/tokenize", json={"inputs": [text] * times}) for times in (1, 4)
        ]

        assert [answer.status_code for answer in answers] == [200, 422]
        assert told(answers[1])[1] == "too_large"
        assert jitney.front_end.bytes_in_hand.held == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"ids": [1, 5, 6, 2]}, ["one two"]),
        ({"ids": [1, 5, 6, 2], "skip_special_tokens": False}, ["[CLS] one two [SEP]"]),
        ({"ids": [[5], [], [1, 6]]}, ["one", "", "two"]),
    ],
)
async def test_ids_become_a_text_for_each_list_without_special_tokens_unless_they_are_wanted(body, expected):
    async with tokenizing("embedding") as jitney:
        answer = await jitney.client.post("/models/words/decode", json=body)

        assert (answer.status_code, answer.headers["jitney-model"]) == (200, "words@r1"), answer.text
        assert answer.json() == expected
        assert jitney.broker.jobs == []


@pytest.mark.parametrize(
    ("model", "text"), [("bytes", "a🦊"), ("mood", "one two"), ("ranker", "one two"), ("open", "one two")]
)
async def test_every_model_that_tells_a_text_s_tokens_makes_the_text_of_them(model, text):
    async with tokenizing() as jitney:
        told = await jitney.client.post("/tokenize", json={"inputs": text, "model": model})
        ids = [[one["id"] for one in tokens] for tokens in told.json()]

        answer = await jitney.client.post("/decode", json={"ids": ids, "model": model})

        assert answer.json() == [text]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        pytest.param("/decode", {"ids": [[1], [99999]]}, 422, "ids[1]: no token of this model has", id="no such id"),
        pytest.param("/decode", {"ids": [1, 4294967295]}, 422, "the id 4294967295", id="the largest id"),
        pytest.param("/decode", {"ids": [1, 4294967296]}, 422, "not as it should be", id="a larger id"),
        pytest.param("/decode", {"ids": [-1]}, 422, "not as it should be", id="less than none"),
        pytest.param("/decode", {"ids": [True]}, 422, "not as it should be", id="no number"),
        pytest.param("/decode", {"ids": []}, 422, "not as it should be", id="none"),
        pytest.param("/decode", {"ids": "one"}, 422, "not as it should be", id="a text"),
        pytest.param("/decode", {"ids": [1, [2]]}, 422, "both ids and lists", id="a mixture"),
        pytest.param("/decode", {"ids": [5] * (MOST + 1)}, 422, f"more than {MOST}", id="a long text"),
        pytest.param("/decode", {"ids": [[5]] * 2049}, 422, "at most 2048", id="many texts"),
        pytest.param("/decode", {"ids": [5], "model": "nobody"}, 404, "nobody", id="no model"),
        pytest.param("/models/plain/decode", {"ids": [5]}, 422, "'plain' cannot be told", id="no tokenizer"),
    ],
)
async def test_ids_that_make_no_text_are_refused_in_tei_s_words(path, body, status, said):
    async with tokenizing() as jitney:
        answer = await jitney.client.post(path, json=body)

        assert (answer.status_code, answer.json()["error_type"]) == (status, "Validation")
        assert said in answer.json()["error"]
