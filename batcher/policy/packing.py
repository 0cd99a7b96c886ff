"""Which jobs of a batch share a forward pass. Pure: lengths in, groups of indices out.

A pass costs `pass_cost + longest * rows`, in tokens: what starting it costs (launches, cold caches) expressed in tokens
of work, and every row padded to the longest. Sorted by length, the best groups are consecutive, so a walk over the
possible ends finds the cheapest cuts exactly; 256 jobs take under 2 ms, and the usual batch of like lengths none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

# Tokens of work that one more pass costs: a first guess, until the engine has measured its own (pass_cost.py).
PASS_COST = 32

Group = list[int]


def pack(lengths: Sequence[int], *, max_tokens: int, pass_cost: int = PASS_COST) -> list[Group]:
    """Every index of `lengths` (tokens, one or more each) in exactly one group, shortest group first.

    `padded(group) <= max_tokens` for every group of more than one: a longer job travels alone.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    ordered = [lengths[index] for index in order]
    return [order[start:end] for start, end in pairwise(_cuts(ordered, max_tokens, pass_cost))]


def fill(lengths: Sequence[int], *, max_tokens: int) -> list[Group]:
    """For models that pad nothing: as few groups as there can be of consecutive lengths, shortest first.

    `sum(group) <= max_tokens` for every group of more than one.
    """
    groups: list[Group] = []
    tokens = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        tokens += lengths[index]
        if not groups or tokens > max_tokens:
            groups.append([])
            tokens = lengths[index]
        groups[-1].append(index)
    return groups


def padded(lengths: Sequence[int]) -> int:
    """Tokens that these rows occupy once each is padded to the longest."""
    return max(lengths, default=0) * len(lengths)


def _cuts(ordered: Sequence[int], max_tokens: int, pass_cost: int) -> list[int]:
    if not ordered:
        return []
    if _belongs_together(ordered, max_tokens, pass_cost):
        return [0, len(ordered)]
    return _cheapest_cuts(ordered, max_tokens, pass_cost)


def _belongs_together(ordered: Sequence[int], max_tokens: int, pass_cost: int) -> bool:
    """No cut can save more than all of the padding."""
    size = ordered[-1] * len(ordered)
    return size <= max_tokens and size - sum(ordered) <= pass_cost


def _cheapest_cuts(ordered: Sequence[int], max_tokens: int, pass_cost: int) -> list[int]:
    cheapest = [0]  # cheapest[end]: of the first `end` rows, whose last group starts at starts[end]
    starts = [0]
    for end, longest in enumerate(ordered, 1):
        earliest = max(0, end - max(1, max_tokens // longest))
        # min() keeps the first of equals: the longer group, hence fewer passes.
        start = min(range(earliest, end), key=lambda start: cheapest[start] - longest * start)
        starts.append(start)
        cheapest.append(cheapest[start] + pass_cost + longest * (end - start))
    return _walk_back(starts)


def _walk_back(starts: Sequence[int]) -> list[int]:
    cuts = [len(starts) - 1]
    while cuts[-1] > 0:
        cuts.append(starts[cuts[-1]])
    return cuts[::-1]
