"""Arithmetic on a few short vectors. Plain Python: numpy would cost a front end more memory than all else."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import hypot
from operator import mul


def mean(vectors: Sequence[Sequence[float]], weights: Sequence[float]) -> list[float]:
    """The weighted mean. Raises `ValueError` where lengths differ."""
    total = sum(weights)
    shares = [weight / total for weight in weights]
    if len(shares) != len(vectors):
        raise ValueError("as many weights as vectors are needed")
    return [sum(map(mul, column, shares)) for column in zip(*vectors, strict=True)]


def unit(vector: Sequence[float]) -> list[float]:
    """The vector scaled to length 1; zeros stay zeros."""
    length = hypot(*vector) or 1.0
    return [number / length for number in vector]


def shortest(number: float) -> float:
    """The number with the fewest digits that is the same float32: 0.9 and not 0.8999999761581421.

    For numbers that people read. It takes a microsecond each, so embeddings go as they are: exact, and longer.
    """
    single = array("f", [number])
    for digits in range(6, 9):
        candidate = float(f"{single[0]:.{digits}g}")
        if array("f", [candidate]) == single:
            return candidate
    return float(f"{single[0]:.9g}")
