"""What was measured several times, as one: grouped by what was varied, and the median of a figure. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import TypeVar

Row = TypeVar("Row")
Key = TypeVar("Key")


def grouped(rows: Iterable[Row], by: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    """The rows of each key; keys in the order in which they came first."""
    found: dict[Key, list[Row]] = {}
    for row in rows:
        found.setdefault(by(row), []).append(row)
    return found


def middle(rows: Sequence[Row], of: Callable[[Row], float]) -> float:
    """The median of a figure."""
    return median(map(of, rows))
