"""What a report draws, as data for programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.tuning.grid import shown
from benchmarks.tuning.records import Point, Recommendation
from benchmarks.tuning.report.frontier import Change, frontier, load, p99
from benchmarks.tuning.report.series import all_series, knee


def of_run(points: Sequence[Point], recommendation: Recommendation | None) -> dict[str, Any]:
    """The frontier, the knees, and what tune said."""
    return {
        "frontier": [_point(point) for point in frontier(points)],
        "knees": [
            {
                "setting": shown(one.limits),
                "limits": one.limits,
                "knee": knee(one.points),
                "highest_tried": one.points[-1].offered.rate,
            }
            for one in all_series(points)
            if one.is_open
        ],
        "recommendation": recommendation,
    }


def of_two(found: Sequence[Change], differences: Sequence[str]) -> dict[str, Any]:
    """Every setting under the same load, and what else differs."""
    changes = [
        {
            "old": _point(change.old),
            "new": _point(change.new),
            "rate_ratio": change.rate,
            "p99_ratio": change.p99,
            "verdict": change.verdict,
        }
        for change in found
    ]
    return {"changes": changes, "differences": [line.removeprefix("- ") for line in differences]}


def _point(point: Point) -> dict[str, Any]:
    return {
        "setting": shown(point.limits),
        "limits": point.limits,
        "load": load(point.offered),
        "offered": point.offered,
        "per_second": point.summary.per_second,
        "p99_ms": p99(point),
    }
