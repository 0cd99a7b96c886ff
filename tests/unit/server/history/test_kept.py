"""What is kept of an input and of an answer."""

from __future__ import annotations

import json
from array import array
from typing import Any

import pytest

from server.history.kept import MOST, cut, output_of

LABELS = [{"label": "good", "score": 0.9}, {"label": "bad", "score": 0.1}]


NOTHING: dict[str, Any] = {}
DETECTED = {"detectedLang": "de", "detectedScore": 0.5}
CUSTOM = {"name": "a secret", "vector": [1, 2, 3]}
ODD = [{"label": "x", "score": 1, "why": "a secret"}, "a secret"]


@pytest.mark.parametrize(
    ("answer", "facts", "whole"),
    [
        ({"label": "good", "score": 0.9}, NOTHING, NOTHING),
        ({"label": "good", "score": 0.9, "labels": LABELS}, {"labels": LABELS}, {"labels": LABELS}),
        ({"text": "a secret", "truncated": True}, {"truncated": True}, {"text": "a secret", "truncated": True}),
        ({"text": "x", **DETECTED}, DETECTED, {"text": "x", **DETECTED}),
        ({"embedding": [0.1] * 384}, {"embedding": 384}, {"embedding": 384}),
        ({"embedding": array("f", [1.0, 2.0])}, {"embedding": 2}, {"embedding": 2}),
        ({"direction": b"1234"}, {"direction": 4}, {"direction": 4}),
        ({"mine": CUSTOM}, NOTHING, {"mine": {"name": "a secret", "vector": 3}}),
        ({"labels": ODD}, {"labels": [{"label": "x", "score": 1}]}, {"labels": ODD}),
        ({"texts": ["a secret"]}, NOTHING, {"texts": ["a secret"]}),
    ],
)
def test_texts_are_kept_where_that_is_allowed_and_vectors_never(answer: Any, facts: Any, whole: Any) -> None:
    kept, full = [output_of(answer, has_texts=allowed) for allowed in (False, True)]

    assert b"secret" not in kept
    assert json.loads(kept or b"{}") == facts
    assert json.loads(full or b"{}") == whole


def test_an_output_that_is_long_is_kept_without_its_texts() -> None:
    assert json.loads(output_of({"text": "x" * MOST, "truncated": False}, has_texts=True)) == {"truncated": False}


@pytest.mark.parametrize("value", ["\ud800", object(), {1: object()}])
def test_what_json_has_no_word_for_is_not_kept(value: Any) -> None:
    assert output_of({"text": value}, has_texts=True) == b""


@pytest.mark.parametrize(
    ("text", "kept", "is_cut"),
    [("", "", False), ("ä" * 4096, "ä" * 4096, False), ("ä" * 4097, "ä" * 4096, True), ("€" * 9000, "€" * 2730, True)],
)
def test_an_input_is_cut_between_characters(text: str, kept: str, is_cut: bool) -> None:
    assert cut(text) == (kept, is_cut)


def test_half_a_character_stands_in_no_ones_way() -> None:
    assert cut("a\ud800b") == ("a?b", False)


def test_of_what_is_long_without_its_texts_too_nothing_is_kept() -> None:
    labels = [{"label": "🐈" * 200, "score": 0.5}] * 100

    assert output_of({"label": "x", "score": 0.5, "labels": labels}, has_texts=False) == b""
