"""Scores as an answer: the best label, or the best few."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from broker.messages import Value
from server.codecs.errors import CodecError
from server.codecs.vectors import shortest


def top_of(options: Mapping[str, Any]) -> int:
    """How many labels the payload wants. Raises `CodecError` for a `topK` that is not a positive integer."""
    top = options.get("topK")
    if top is None:
        return 1
    if not isinstance(top, int) or isinstance(top, bool) or top < 1:
        raise CodecError("topK must be a positive integer")
    return top


def ranked(labels: Sequence[str], scores: Sequence[float], top: int) -> dict[str, Any]:
    """`label` and `score` of the best, and `labels` with the best few where more than one is wanted."""
    pairs = sorted(zip(labels, scores, strict=True), key=lambda pair: -pair[1])
    best = [{"label": label, "score": shortest(score)} for label, score in pairs[:top]]
    return best[0] if top == 1 else best[0] | {"labels": best}


def numbers(output: Value) -> Sequence[float]:
    """Raises `ValueError` for what a custom model gave instead: keys of a dict or letters of a text would pass for
    numbers."""
    if isinstance(output, array) or (
        isinstance(output, list | tuple) and all(type(number) in (int, float) for number in output)
    ):
        return output
    raise ValueError(f"the model answered with a {type(output).__name__} in place of numbers")
