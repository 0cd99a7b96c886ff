"""What keeps a model of one's own from changing values that are not its own any more."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from batcher.models.contract import Input

FLAT = (str, bytes, int, float, bool, type(None))


def isolated(forward: Callable[[Sequence[Input]], Any]) -> Callable[[Sequence[Input]], Any]:
    """The same `forward`, on copies. It may be called again with an input, after an error beside it; and outputs are
    read after it returns, while the next batch is computed, perhaps into the same lists."""

    def forward_on_copies(inputs: Sequence[Input]) -> Any:
        outputs = forward([copied(one) for one in inputs])
        return [copied(one) for one in outputs] if type(outputs) in (list, tuple) else outputs

    return forward_on_copies


def copied(value: Any) -> Any:
    """A value as messages have it, which shares nothing that can change; others as they are."""
    kind = type(value)
    if kind in FLAT:
        return value
    if kind is array:
        return value[:]
    if kind in (list, tuple):
        return kind([one if type(one) in FLAT else copied(one) for one in value])
    if kind is dict:
        return {name: copied(one) for name, one in value.items()}
    return value
