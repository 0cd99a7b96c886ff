"""The rows of a reply in the order of their scores. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.messages import FailureCode
from server.errors import Problem

Row = dict[str, Any]
NO_SCORE = "The model's answer to this text has no score."


def best_first(rows: Sequence[Row], top: int | None) -> list[Row]:
    """The `top` rows with the best scores, else all; those alike in the order of the request. After them stand the rows
    that have no score, with their errors. `index` is the place that each had."""
    placed = [{"id": row["id"], "index": index} | row for index, row in enumerate(rows)]
    scored = [row for row in placed if isinstance(row.get("score"), float)]
    failed = [row for row in placed if not isinstance(row.get("score"), float)]
    return sorted(scored, key=lambda row: -row["score"])[:top] + failed


def ranks(rows: Sequence[Row]) -> list[tuple[int, float]]:
    """Each row's place and score; those alike in the order of the request. Raises `Problem` (model_error)."""
    found = []
    for place, row in enumerate(rows):
        if not isinstance(row.get("score"), float):  # a custom model may answer with anything
            raise Problem(FailureCode.MODEL_ERROR, NO_SCORE)
        found.append((place, row["score"]))
    return sorted(found, key=lambda rank: -rank[1])
