"""Models that are large in one way: `tests.faults.kit.large:Echo` in its outputs, `…:Tokenizer` in its file."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from batcher.models.contract import About

ECHO = "tests.faults.kit.large:Echo,name=echo"
TOKENIZER = "tests.faults.kit.large:Tokenizer,name=large"
FILE = random.Random(8).randbytes(17_000_000)


class Echo:
    """Answers a number of bytes with a text of that length, and words with what cannot be sent or is hard to read."""

    def forward(self, inputs: Sequence[str]) -> list[Any]:
        return [_answer(text) for text in inputs]


def _answer(text: str) -> Any:
    if text == "entities":
        return {"entities": [{"start": at} for at in range(1100)]}
    if text == "pair":
        return {(1, 2): "b"}
    return "x" * int(text)


class Tokenizer:
    """Text in, text out, with a file that takes its time."""

    about = About(files={"tokenizer.bin": FILE})

    def forward(self, inputs: Sequence[str]) -> list[str]:
        return [text[::-1] for text in inputs]
