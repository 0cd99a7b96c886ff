"""Two embedding models that need no torch, for tests of what their names and places mean."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

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
