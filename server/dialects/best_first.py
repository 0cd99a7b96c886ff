"""The rows of a reply in the order of their scores. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def best_first(rows: Sequence[Row], top: int | None) -> list[Row]:
    """The `top` rows with the best scores, else all; those alike in the order of the request. After them stand the rows
    that have no score, with their errors. `index` is the place that each had."""
    placed = [{"id": row["id"], "index": index} | row for index, row in enumerate(rows)]
    scored = [row for row in placed if isinstance(row.get("score"), float)]
    failed = [row for row in placed if not isinstance(row.get("score"), float)]
    return sorted(scored, key=lambda row: -row["score"])[:top] + failed
