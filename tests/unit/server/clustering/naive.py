"""The grouping as anyone would write it down: all pairs in a table, one after another. For small numbers of records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from server.clustering.contract import Group, least, shown

Vector = Sequence[float]


def cosine(one: Vector, other: Vector) -> float:
    length = math.hypot(*one) * math.hypot(*other)
    return math.fsum(x * y for x, y in zip(one, other, strict=True)) / length if length else 0.0


def margin(vectors: Sequence[Vector], threshold: float) -> float:
    """How near any pair comes to being judged otherwise."""
    return min((abs(cosine(*pair) - least(threshold)) for pair in combinations(vectors, 2)), default=1.0)


def groups(vectors: Sequence[Vector], threshold: float) -> list[Group]:
    """What `communities` is held to."""
    everyone = range(len(vectors))
    table = [[1.0 if one == other else cosine(vectors[one], vectors[other]) for other in everyone] for one in everyone]
    alike = {one: [other for other in everyone if shown(table[one][other]) >= threshold - 1e-9] for one in everyone}
    free, found = set(everyone), []
    for centre in sorted(everyone, key=lambda one: (-len(alike[one]), one)):
        if centre in free:
            members = [other for other in alike[centre] if other in free]
            free -= {*members}
            found.append(_group(centre, members, table))
    return sorted(found, key=lambda group: (-len(group.members), min(group.members)))


def _group(centre: int, members: Sequence[int], table: Sequence[Sequence[float]]) -> Group:
    ordered = sorted(members, key=lambda one: (one != centre, -shown(table[centre][one]), one))
    pairs = [table[one][other] for one, other in combinations(members, 2)]
    return Group(
        members=ordered,
        similarities=[shown(table[centre][one]) for one in ordered],
        cohesion=shown(math.fsum(pairs) / len(pairs)) if pairs else 1.0,
    )
