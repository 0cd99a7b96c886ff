"""Two revisions of one model whose vocabularies disagree about every word: ids of one are nonsense to the other."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import pairwise

from batcher.models.contract import About

WORDS = [f"word{number}" for number in range(50)]


def tokenizer(words: Sequence[str]) -> bytes:
    vocabulary = {"<unk>": 0} | {word: at + 1 for at, word in enumerate(words)}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "post_processor": None,
            "decoder": None,
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
        }
    ).encode()


class Old:
    """Says `right` when the ids it is given spell consecutive words of its own vocabulary."""

    words = WORDS

    def __init__(self) -> None:
        self.about = About(
            task="classification",
            codec="text",
            labels=("wrong", "right"),
            files={"tokenizer.json": tokenizer(self.words)},
        )

    def forward(self, inputs: Sequence[Sequence[int]]) -> list[list[float]]:
        time.sleep(0.01)
        return [[0.0, 1.0] if self._is_right([self.words[id - 1] for id in ids]) else [1.0, 0.0] for ids in inputs]

    def _is_right(self, words: Sequence[str]) -> bool:
        numbers = [WORDS.index(word) for word in words]
        return all(later == earlier + 1 for earlier, later in pairwise(numbers))


class New(Old):
    """The next revision: the same words, other ids, in an order that makes the old ids descend."""

    words = WORDS[::-1]
