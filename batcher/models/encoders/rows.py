"""What an encoder of pairs is given: a row of token ids, and where in it the second text begins."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

from batcher.models.contract import Input, InvalidInput


def ids_of(input: Input) -> Any:
    """The ids of one text, or of {"ids": …, "second": n}."""
    return input.get("ids") if isinstance(input, Mapping) else input


def second_of(input: Input, row: array[int]) -> int:
    """From which place on its tokens are of type 1; the end of the row for a text alone. Raises `InvalidInput`."""
    second = input.get("second", len(row)) if isinstance(input, Mapping) else len(row)
    if not isinstance(second, int) or not 0 <= second <= len(row):
        raise InvalidInput("the second text begins outside of the row")
    return second
