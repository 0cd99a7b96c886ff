"""A run, and two runs beside each other, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.lib.markdown import table
from benchmarks.tuning.records import Point, Run
from benchmarks.tuning.report.frontier import Change, frontier, load, name, p99


def of_run(run: Run, points: Sequence[Point]) -> list[str]:
    """Every point; those on the frontier in bold."""
    best = frontier(points)
    rows = [_row(point, is_best=point in best) for point in points]
    return [f"## {run.command} of {run.model}, {run.started}", "", *table(COLUMNS, rows), "", *_about(run)]


COLUMNS = "setting|load|requests/s|p50 ms|p99 ms|jobs a batch|answered|doubts"


def of_two(found: Sequence[Change]) -> list[str]:
    """What two runs have in common, the ratios, and whether they are beyond noise."""
    if not found:
        return ["The two runs have no setting under the same load in common."]
    worse = sum(change.verdict == "worse" for change in found)
    columns = "setting|load|requests/s|ratio|p99 ms|ratio|beyond noise"
    return [*table(columns, map(_changed, found)), "", f"{worse} of {len(found)} worse beyond noise"]


def _row(point: Point, *, is_best: bool) -> list[str]:
    summary, mark = point.summary, "**" if is_best else ""
    latency = summary.latency
    doubts = [*point.doubts, *([] if point.is_stable else ["unstable"])]
    return [
        f"{mark}{name(point.limits)}{mark}",
        load(point.offered),
        f"{summary.per_second:.1f}",
        f"{latency.p50:.1f}" if latency else "-",
        f"{latency.p99:.1f}" if latency else "-",
        f"{summary.batch_size:.1f}" if summary.batch_size is not None else "-",
        f"{summary.answered_share:.2%}",
        "; ".join(dict.fromkeys(doubts)) or "-",
    ]


def _changed(change: Change) -> list[str]:
    old, new = change.old, change.new
    return [
        name(new.limits),
        load(new.offered),
        f"{old.summary.per_second:.1f} → {new.summary.per_second:.1f}",
        _ratio(change.rate),
        f"{_shown(p99(old))} → {_shown(p99(new))}",
        _ratio(change.p99),
        change.verdict or "-",
    ]


def _about(run: Run) -> Iterable[str]:
    for title, facts in (("sent", run.workload), ("machine", run.machine)):
        yield from (f"- {title}: {key} {value}" for key, value in facts.items())


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
