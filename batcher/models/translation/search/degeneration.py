"""When an answer has gone wrong in a way that shows without reading it. Pure, and cheap enough for every token.

Greedy decoding of M2M100-418M is known for it: of 3,298 informal Japanese lines in one public log of translations into
Chinese 3.2 % came out as a phrase said over and over. Such a row never ends by itself: it holds its slot to its limit.
"""

from __future__ import annotations

from collections.abc import Sequence

TAIL = 24  # tokens: the longest phrase is seen three times, which no sentence does
PERIODS = (5, 6, 7, 8)  # tokens of a phrase; one of 1 to 4 tokens is, with itself, one of 6 or 8


def is_cyclic(tokens: Sequence[int]) -> bool:
    """Whether the last tokens are one phrase, said over and over."""
    if len(tokens) < TAIL or tokens[-1] not in tokens[-1 - PERIODS[-1] : -1]:  # most rows are let go here
        return False
    tail = tokens[-TAIL:]
    return any(tail[period:] == tail[:-period] for period in PERIODS)


def is_degenerate(source: Sequence[int], answer: Sequence[int]) -> bool:
    """Whether an answer says nothing, or the same for ever, although its source does not; both are pieces alone, and
    the answer may be unfinished, but has begun."""
    if not answer:
        return len(source) > 0
    return is_cyclic(answer) and not is_cyclic(source)
