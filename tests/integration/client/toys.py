"""Models that need no torch, and are right about the examples of docs/client.md."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from batcher.models.contract import About
from tests.integration.toy_vocabularies import tokenizer

KIND, BUS = ("lovely.", "quick", "good"), ("bus", "leave", "leaves")
DOGS, SPEAKING = ("Dog", "Walking", "Walking:"), ("Public", "Speaking")
WORDS = [*KIND, *BUS, *DOGS, *SPEAKING]
FILES = {"tokenizer.json": tokenizer(WORDS)}


def ids_of(words: Sequence[str]) -> set[int]:
    return {WORDS.index(word) + 1 for word in words}


def count(ids: Sequence[int], words: Sequence[str]) -> int:
    return len([id for id in ids if id in ids_of(words)])


class Sentiment:
    about = About(task="classification", codec="text", labels=("negative", "positive"), files=FILES)

    def forward(self, inputs: Sequence[Sequence[int]]) -> list[list[float]]:
        return [[1.0, 2.0 * count(ids, KIND)] for ids in inputs]


class Meaning:
    about = About(task="embedding", codec="text", files=FILES, options={"is_unit": False, "prompts": {"query": ""}})

    def forward(self, inputs: Sequence[Sequence[int]]) -> list[array[float]]:
        return [array("f", [count(ids, DOGS), count(ids, SPEAKING), 0.1]) for ids in inputs]


class Ranker:
    about = About(task="rerank", codec="rerank", files=FILES, options={"token_types": True})

    def forward(self, inputs: Sequence[Mapping[str, Any]]) -> list[array[float]]:
        return [array("f", [count(input["ids"][input["second"] :], BUS)]) for input in inputs]


class Colour:
    about = About(
        task="image-classification",
        codec="image",
        labels=("blue picture", "red picture"),
        options={"image": {"height": 8, "width": 8, "steps": [["resize", 8, 8, 2]]}, "cost": 1},
    )

    def forward(self, inputs: Sequence[bytes]) -> list[list[float]]:
        return [[float(sum(pixels[2::3])), float(sum(pixels[0::3]))] for pixels in inputs]
