"""Embedding models that need no torch, for tests of what their names and places mean, and of how vectors travel."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace

from batcher.models.contract import About
from tests.integration.toy_vocabularies import WORDS, tokenizer


class Zebra:
    """Every text has the same vector."""

    vector = (1.0, 0.0)

    def __init__(self) -> None:
        self.about = About(task="embedding", codec="text", files={"tokenizer.json": tokenizer(WORDS)})

    def forward(self, inputs: Sequence[Sequence[int]]) -> list[array[float]]:
        return [array("f", self.vector) for _ in inputs]


class Ant(Zebra):
    """Another one."""

    vector = (0.0, 1.0)


class Thirds(Zebra):
    """A text's vector are thirds of its first ids: numbers that float32 and decimals have no end for."""

    def __init__(self) -> None:
        super().__init__()
        self.about = replace(self.about, options={"matryoshka": True, "is_unit": False})

    def forward(self, inputs: Sequence[Sequence[int]]) -> list[array[float]]:
        return [array("f", [id / 3 for id in [*ids, 0, 0, 0][:3]]) for ids in inputs]
