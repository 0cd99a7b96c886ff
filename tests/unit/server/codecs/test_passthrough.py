"""Text in, and whatever the model answers out."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from broker.messages import ModelCard
from server.codecs.errors import CodecError
from server.codecs.passthrough import PassthroughCodec


def codec(max_cost: int = 1024) -> PassthroughCodec:
    card = ModelCard(name="custom", task="custom", codec="passthrough", revision="1", max_cost=max_cost)
    return PassthroughCodec(card, {})


@pytest.mark.parametrize(
    ("text", "cost"),
    [("", 1), ("  ", 1), ("one", 1), (" one two\nthree ", 3), ("null \0 byte", 3)],
)
def test_the_input_is_the_text_and_its_cost_the_words(text: str, cost: int) -> None:
    (piece,) = codec().encode(text, {"anything": 1}).pieces

    assert (piece.input, piece.cost) == (text, cost)


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("olleh", {"text": "olleh"}),
        ({"text": "a", "vector": array("f", [0.5])}, {"text": "a", "vector": [0.5]}),
        ({"deep": [{"ids": array("i", [1])}], 7: None}, {"deep": [{"ids": [1]}], "7": None}),
        (array("f", [0.5, 2.0]), {"output": [0.5, 2.0]}),
        ([array("i", [1]), "x"], {"output": [[1], "x"]}),
        (3, {"output": 3}),
        (None, {"output": None}),
    ],
)
def test_every_output_has_its_fields(output: Any, answer: dict[str, Any]) -> None:
    plan = codec().encode("text", {})

    assert codec().decode(plan, [output]) == answer


def test_a_text_longer_than_the_model_takes_is_too_large() -> None:
    with pytest.raises(CodecError) as caught:
        codec(max_cost=2).encode("one two three", {})

    assert caught.value.code == "too_large"


def test_half_a_surrogate_pair_is_invalid_input() -> None:
    with pytest.raises(CodecError, match="surrogate"):
        codec().encode("\udc00", {})


def test_any_options_pass_the_check() -> None:
    codec().check({"fromLang": 7, "topK": "many"})
