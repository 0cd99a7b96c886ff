"""A reranker and a zero-shot classifier that need no torch: the more words two texts share, the better they fit."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from batcher.models.contract import About
from tests.integration.toy_vocabularies import WORDS, tokenizer

FILES = {"tokenizer.json": tokenizer(WORDS)}
OPTIONS = {"token_types": True}


def shared(input: Mapping[str, Any]) -> float:
    """Of the words of the second text, how many the first has as well."""
    ids, second = input["ids"], input["second"]
    return len({*ids[:second]} & {*ids[second:]}) / max(1, len({*ids[second:]}))


class Ranker:
    about = About(task="rerank", codec="rerank", files=FILES, options=OPTIONS)

    def forward(self, inputs: Sequence[Mapping[str, Any]]) -> list[array[float]]:
        return [array("f", [shared(input)]) for input in inputs]


class Nli:
    about = About(task="zero-shot", codec="zero-shot", files=FILES, options=OPTIONS)

    def forward(self, inputs: Sequence[Mapping[str, Any]]) -> list[array[float]]:
        return [array("f", [shared(input), -shared(input)]) for input in inputs]
