"""Greedy communities: which of many vectors are alike, decided by nothing but which pairs are alike enough.

Every record is a candidate, those with most neighbours first. One that is still free becomes the centre of a group,
with all its neighbours that are free. So everybody has a group, and the same pairs make the same groups. Of the table
of all pairs no more than a block is held at a time: memory grows with the records, time with their square.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.clustering.contract import HUNDREDTHS, Group, ThresholdTooLow, least, shown

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]
Check = Callable[[], None]  # raises when nobody waits any more

CELLS = 4 << 20  # similarities in a block: 16 MiB
CANDIDATES = 256  # compared at once; some will have been taken by those before them
MOST_PAIRS = 20_000_000  # that may be alike: of 10,000 records four in ten
LEVELS = np.array([least(level / HUNDREDTHS) for level in range(1, HUNDREDTHS + 1)], dtype=np.float32)
SURELY = 0.95  # of the most, for a threshold that is told: asked again, the vectors are not the same to the last bit


def direction(vector: Any) -> Floats:
    """The vector at length 1; zeros stay zeros, and so are like nothing. Raises `ValueError` for what is no vector."""
    numbers = np.asarray(vector, dtype=np.float64)
    if numbers.ndim != 1 or not numbers.size:
        raise ValueError("a vector is a list of numbers")
    largest = np.abs(numbers).max()
    if largest:
        numbers = numbers / largest  # so that no square is too large or too small for a float
        numbers /= np.sqrt(numbers @ numbers)
    return numbers.astype(np.float32)


def communities_of(vectors: Mapping[int, Floats], threshold: float, check: Check) -> list[Group]:
    """`communities` of records by their numbers, of which some may be missing."""
    if not vectors:
        return []
    numbers = list(vectors)
    groups = communities(np.stack([*vectors.values()]), threshold, check)
    return [replace(group, members=[numbers[member] for member in group.members]) for group in groups]


def communities(
    vectors: Floats, threshold: float, check: Check = lambda: None, most_pairs: int = MOST_PAIRS
) -> list[Group]:
    """The groups of these directions (a row each), largest first, then by the first record that is in them.

    Raises `ThresholdTooLow` where more pairs than `most_pairs` are alike; a threshold of 1 is never too low.
    """
    counts = _neighbours(vectors, threshold, most_pairs, check)
    groups = _taken(vectors, counts, least(threshold), check)
    return sorted(groups, key=lambda group: (-len(group.members), min(group.members)))


def _neighbours(vectors: Floats, threshold: float, most_pairs: int, check: Check) -> Numbers:
    """How many each record has, itself included."""
    limit, alike = least(threshold), 0
    counts = np.zeros(len(vectors), dtype=np.int64)
    for rows, near in _blocks(vectors, check):
        is_near = near >= limit
        counts[rows] += is_near.sum(axis=1)
        after = is_near[:, rows.stop - rows.start :]
        counts[rows.stop :] += after.sum(axis=0)
        alike = (int(counts.sum()) - rows.stop) // 2
        if alike > most_pairs and threshold < 1:
            raise ThresholdTooLow(threshold, most_pairs, _enough(vectors, most_pairs, check))
    return counts


def _blocks(vectors: Floats, check: Check) -> Iterator[tuple[slice, Floats]]:
    """The similarities of some records to themselves and all after them: every pair once, but for those among the
    records of one block."""
    start = 0
    while start < len(vectors):
        check()
        rows = slice(start, min(len(vectors), start + _height(len(vectors) - start)))
        yield rows, vectors[rows] @ vectors[start:].T
        start = rows.stop


def _height(width: int) -> int:
    return max(1, CELLS // width)


def _taken(vectors: Floats, counts: Numbers, limit: float, check: Check) -> Iterator[Group]:
    free = np.ones(len(vectors), dtype=bool)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 1]
    while len(order := order[free[order]]):
        check()
        others = np.flatnonzero(free)
        candidates, order = np.split(order, [min(CANDIDATES, _height(len(others)))])
        for candidate, near in zip(candidates, vectors[candidates] @ vectors[others].T, strict=True):
            if free[candidate]:
                at = np.flatnonzero((near >= limit) & free[others])
                free[others[at]] = False
                yield _group(vectors, int(candidate), others[at], near[at])
    for alone in np.flatnonzero(free):
        yield Group(members=[int(alone)], similarities=[1.0], cohesion=1.0)


def _group(vectors: Floats, centre: int, members: Numbers, near: Floats) -> Group:
    similarities = np.floor(near.astype(np.float64) * HUNDREDTHS + 0.5) / HUNDREDTHS
    order = np.lexsort((members, -similarities, members != centre))
    return Group(
        members=members[order].tolist(),
        similarities=similarities[order].tolist(),
        cohesion=_cohesion(vectors[members]),
    )


def _cohesion(members: Floats) -> float:
    """Of all pairs, without a table of them: the square of a sum holds every pair twice, and each record once."""
    count = len(members)
    if count == 1:
        return 1.0
    total = members.sum(axis=0, dtype=np.float64)
    return shown((float(total @ total) - count) / (count * (count - 1)))


def _enough(vectors: Floats, most_pairs: int, check: Check) -> float:
    """The lowest threshold, in hundredths, that surely leaves fewer pairs; 1 where none below it does."""
    levels = np.zeros(HUNDREDTHS + 1, dtype=np.int64)  # twice the pairs at each
    for rows, near in _blocks(vectors, check):
        width = rows.stop - rows.start
        levels += _by_level(near[:, :width]) + 2 * _by_level(near[:, width:])
    levels[HUNDREDTHS] -= np.count_nonzero(vectors.any(axis=1))  # each with itself
    at_least = levels[::-1].cumsum()[::-1] // 2
    enough = np.flatnonzero(at_least <= most_pairs * SURELY)
    return float(enough[0]) / HUNDREDTHS if len(enough) else 1.0


def _by_level(near: Floats) -> Numbers:
    return np.bincount(LEVELS.searchsorted(near.ravel(), side="right"), minlength=HUNDREDTHS + 1)
