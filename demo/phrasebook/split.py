"""Which meanings are held out: combinations of slot values that training never sees, in any pair of languages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from demo.phrasebook.meanings import Meaning

HELD_OUT_PERCENT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The phrasebook in two parts without a common sentence."""

    training: tuple[Meaning, ...]
    held_out: tuple[Meaning, ...]


def split_meanings(every: Iterable[Meaning]) -> Split:
    """Hold out a tenth of the combinations of two or more values.

    Single values are all trained: an unseen word cannot be translated, an unseen combination can.
    """
    training, held_out = list[Meaning](), list[Meaning]()
    for meaning in every:
        (held_out if len(meaning.values) > 1 and _draw(meaning.key) < HELD_OUT_PERCENT else training).append(meaning)
    return Split(training=tuple(training), held_out=tuple(held_out))


def _draw(key: str) -> int:
    # A digest and not random(): the split stays what it is when a template is added or moved.
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % 100
