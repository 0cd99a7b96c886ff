"""Whether a value holds only numbers that JSON can spell: NaN and the infinities would leave as `null`. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

NOT_FINITE = "the model's output holds a number that is not finite"  # for its caller
# The upper byte of a float32 that is NaN, infinite, or beyond 1.7e38: sign, and seven of eight bits of the exponent.
SUSPECT = (0x7F, 0xFF)


def is_finite(value: Any) -> bool:
    """Whether every number in this message value is finite, however deep it lies."""
    left = [value]  # no recursion: a message may be nested deeper than Python's stack
    while left:
        item = left.pop()
        if item.__class__ is str:  # the most frequent, and the quickest to tell
            continue
        if item.__class__ is dict:
            left.extend(item.values())
        elif isinstance(item, float):
            if not isfinite(item):
                return False
        elif isinstance(item, array):
            if not _all_finite(item):
                return False
        elif isinstance(item, Mapping):
            left.extend(item.values())
        elif isinstance(item, list | tuple) and not _has_finite_sum(item):
            left.extend(item)
    return True


def _all_finite(numbers: array[Any]) -> bool:
    if numbers.typecode != "f":
        return True
    # A microsecond for a vector of 768, a tenth of what its sum takes. Float32 cannot overflow a float64 sum.
    upper = numbers.tobytes()[3::4]
    return not any(byte in upper for byte in SUSPECT) or isfinite(sum(numbers))


def _has_finite_sum(items: Sequence[Any]) -> bool:
    """True only where all are numbers, and finite. False says nothing: the sum may be too large, or there is none."""
    try:
        return isfinite(sum(items))
    except (TypeError, OverflowError):
        return False
