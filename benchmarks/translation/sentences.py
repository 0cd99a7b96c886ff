"""The sentences: source lengths, and how long each answer is. Pure, and the same again for the same seed."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.lib.pieces_model import SPECIALS
from benchmarks.translation.weights import END, Size

SHORTEST, LONGEST = 5, 60  # tokens of an answer
STRETCH = (0.75, 1.33)  # an answer's length by its source's: as translations do, so sorting by source does help


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """`source` is [language, pieces…, end]; `length` counts the pieces of the answer, its language not among them."""

    source: array[int]
    target: int
    length: int

    @property
    def input(self) -> dict[str, object]:
        """As the translation model wants it: its limit counts the language."""
        return {"source": self.source, "target": self.target, "max_new_tokens": self.length + 1}


def sentences(count: int, size: Size, seed: int) -> list[Sentence]:
    """Random pieces between random pairs of languages; the lengths of source and answer go together."""
    draw = random.Random(seed)
    return [_sentence(size, draw) for _ in range(count)]


def _sentence(size: Size, draw: random.Random) -> Sentence:
    pieces = draw.randint(SHORTEST, LONGEST)
    languages = range(size.pieces, size.pieces + 100)
    ids = [draw.choice(languages), *(draw.randrange(len(SPECIALS), size.pieces) for _ in range(pieces)), END]
    length = min(LONGEST, max(SHORTEST, round(pieces * draw.uniform(*STRETCH))))
    return Sentence(source=array("i", ids), target=draw.choice(languages), length=length)


def longest_first(of: Sequence[Sentence]) -> list[Sentence]:
    """Sorted by what is known beforehand: the source."""
    return sorted(of, key=lambda sentence: len(sentence.source), reverse=True)


def tokens(of: Sequence[Sentence]) -> int:
    """Of all the answers."""
    return sum(sentence.length for sentence in of)
