"""Which tokens would say an n-gram a second time. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def banned_tokens(sequence: Sequence[int], size: int) -> list[int]:
    """The next tokens that would complete an n-gram of this `size` which the sequence already holds."""
    last = sequence[len(sequence) - size + 1 :]
    starts = range(len(sequence) - size + 1)
    return [sequence[at + size - 1] for at in starts if sequence[at : at + size - 1] == last]
