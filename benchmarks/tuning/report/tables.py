"""A run, and two runs beside each other, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.lib.markdown import table
from benchmarks.tuning.grid import shown
from benchmarks.tuning.records import Point, Run
from benchmarks.tuning.report.frontier import Change, frontier, load, p99

RUN_COLUMNS = "setting|load|requests/s|p50 ms|p99 ms|goodput/s|jobs a batch|answered|doubts"
CHANGE_COLUMNS = "setting|load|requests/s|ratio|p99 ms|ratio|beyond noise"


def of_run(run: Run, points: Sequence[Point]) -> list[str]:
    """Every point; those on the frontier in bold."""
    best = frontier(points)
    rows = [[f"**{first}**" if point in best else first, *rest] for point, (first, *rest) in _each(points)]
    return [f"## {run.command} of {run.model}, {run.started}", "", *table(RUN_COLUMNS, rows), "", *about(run)]


def of_two(found: Sequence[Change], differences: Sequence[str] = ()) -> list[str]:
    """What two runs have in common, the ratios, and whether they are beyond noise."""
    warned = ["", "The runs differ in more than their figures:", "", *differences] if differences else []
    if not found:
        return ["The two runs have no setting under the same load in common.", *warned]
    return [*table(CHANGE_COLUMNS, map(changed, found)), "", worse(found), *warned]


def worse(found: Sequence[Change]) -> str:
    """How many are."""
    return f"{sum(change.verdict == 'worse' for change in found)} of {len(found)} worse beyond noise"


def differing(old: Run, new: Run) -> list[str]:
    """What was sent, where, and within which SLO, as far as it is not the same."""
    before, after = ({"model:": run.model, **_facts(run)} for run in (old, new))
    names = dict.fromkeys([*before, *after])
    return [
        f"- {name} {before.get(name, '-')} → {after.get(name, '-')}"
        for name in names
        if before.get(name) != after.get(name)
    ]


def rows(points: Sequence[Point]) -> list[list[str]]:
    """A row a point, in the order of `RUN_COLUMNS`."""
    return [row for _, row in _each(points)]


def _each(points: Sequence[Point]) -> list[tuple[Point, list[str]]]:
    return [(point, _row(point)) for point in points]


def _row(point: Point) -> list[str]:
    summary = point.summary
    latency = summary.latency
    return [
        shown(point.limits),
        load(point.offered),
        f"{summary.per_second:.1f}",
        _shown(latency.p50 if latency else None),
        _shown(latency.p99 if latency else None),
        _shown(summary.goodput),
        _shown(summary.batch_size),
        f"{summary.answered_share:.2%}",
        "; ".join(point.doubts) or "-",
    ]


def changed(change: Change) -> list[str]:
    """Its row, in the order of `CHANGE_COLUMNS`."""
    old, new = change.old, change.new
    return [
        shown(new.limits),
        load(new.offered),
        f"{old.summary.per_second:.1f} → {new.summary.per_second:.1f}",
        _ratio(change.rate),
        f"{_shown(p99(old))} → {_shown(p99(new))}",
        _ratio(change.p99),
        change.verdict or "-",
    ]


def about(run: Run) -> list[str]:
    """The SLO, what was sent, and on which machine, a line each."""
    return [f"- {name} {value}" for name, value in _facts(run).items()]


def _facts(run: Run) -> dict[str, str]:
    sides = (("sent", run.workload), ("machine", run.machine))
    slo = {} if run.slo_p99 is None else {"SLO:": f"p99 ≤ {run.slo_p99 * 1000:g} ms"}
    return {**slo, **{f"{title}: {key}": value for title, facts in sides for key, value in facts.items()}}


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
