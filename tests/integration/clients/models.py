"""Models that need no torch, for what others' clients make of their answers."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from batcher.models.contract import About
from tests.integration.toy_vocabularies import WORDS, tokenizer


class Shout:
    """Translates into capitals."""

    about = About(task="translation", languages=("en", "ja"))

    def forward(self, inputs: Sequence[str]) -> list[str]:
        return [text.upper() for text in inputs]


class Judge:
    """Every text is good by three quarters."""

    about = About(
        task="classification",
        codec="text",
        files={"tokenizer.json": tokenizer(WORDS)},
        labels=("bad", "good", "so so"),
    )

    def forward(self, inputs: Sequence[Sequence[int]]) -> list[array[float]]:
        return [array("f", [0.125, 0.75, 0.25]) for _ in inputs]


class Colour:
    """A picture's shares of red, green and blue."""

    about = About(
        task="image-classification",
        codec="image",
        labels=("red", "green", "blue"),
        max_cost=1,
        options={"image": {"height": 8, "width": 8, "steps": [["resize", 8, 8, 2]]}, "cost": 1},
    )

    def forward(self, inputs: Sequence[bytes]) -> list[array[float]]:
        sums = [[sum(pixels[channel::3]) for channel in range(3)] for pixels in inputs]
        return [array("f", [one / max(1, sum(shares)) for one in shares]) for shares in sums]
