"""Window × size as heat maps: what each carries, and how late it is under one load that shows the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from benchmarks.tuning.records import Offered, Point, Run
from benchmarks.tuning.report.drawing import new_figure
from benchmarks.tuning.report.frontier import load, p99

Cell = Callable[[Sequence[Point]], float | None]  # of the points of one window and size


def heat_maps(run: Run, points: Sequence[Point]) -> Figure | None:
    """Rate by window and size, and p99 where most settings have a load in common; None for only one setting."""
    rows = sorted({_window(point) for point in points}, key=lambda text: (text != "adaptive", _milliseconds(text)))
    columns = sorted({point.limits.max_batch_size for point in points})
    if len(rows) * len(columns) < 2:
        return None
    figure = new_figure()
    figure.suptitle(f"{run.model}: window × size", fontsize=12)
    offered = telling(points, run.slo_p99)
    is_common = 2 * len({one.limits for one in points if one.offered == offered}) > len({one.limits for one in points})
    rate, *latency = figure.subplots(1, 1 + is_common, squeeze=False)[0]
    within = f"\nwith a p99 within {run.slo_p99 * 1000:g} ms" if run.slo_p99 is not None else ""
    _heat(rate, points, rows, columns, lambda here: highest(here, run.slo_p99), f"requests a second{within}", "viridis")
    title = f"p99, ms\nat {load(offered)}"
    for axes in latency:
        _heat(axes, points, rows, columns, lambda here: soonest(here, offered), title, "viridis_r", is_log=True)
    return figure


def highest(points: Sequence[Point], slo: float | None) -> float | None:
    """The most that was answered within the SLO, 0 where nothing was; None where nothing was measured."""
    held = [one.summary.per_second for one in points if slo is None or (p99(one) or float("inf")) <= slo * 1000]
    return max(held, default=0.0) if points else None


def soonest(points: Sequence[Point], offered: Offered) -> float | None:
    """The least p99 under this load."""
    return min((found for one in points if one.offered == offered and (found := p99(one)) is not None), default=None)


def telling(points: Sequence[Point], slo: float | None) -> Offered:
    """The load that tells settings apart: of those that most have in common, the highest that any keeps."""
    counts = Counter(point.offered for point in points)
    most = max(counts.values())
    common = [point for point in points if counts[point.offered] == most]
    kept = [one for one in common if slo is None or (p99(one) or float("inf")) <= slo * 1000]
    return max(kept or common, key=lambda point: point.offered.rate or point.offered.concurrency or 0.0).offered


def _heat(
    axes: Axes,
    points: Sequence[Point],
    rows: Sequence[str],
    columns: Sequence[int],
    value: Cell,
    title: str,
    colours: str,
    *,
    is_log: bool = False,
) -> None:
    def cell(row: str, column: int) -> float:
        here = [point for point in points if _window(point) == row and point.limits.max_batch_size == column]
        found = value(here)
        return float("nan") if found is None else found

    grid = [[cell(row, column) for column in columns] for row in rows]
    known = [number for line in grid for number in line if number == number]
    scale = LogNorm if is_log and min(known, default=0.0) > 0 and min(known) < max(known) else Normalize
    axes.imshow(grid, cmap=colours, aspect="auto", norm=scale())
    axes.set(title=title, xlabel="max_batch_size, jobs", ylabel="window")
    axes.title.set_fontsize(10)
    axes.set_xticks(range(len(columns)), [str(column) for column in columns])
    axes.set_yticks(range(len(rows)), rows)
    for down, line in enumerate(grid):
        for right, number in enumerate(line):
            shown = "–" if number != number else f"{number:.0f}"
            box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1}
            axes.text(right, down, shown, ha="center", va="center", fontsize=8, bbox=box)


def _window(point: Point) -> str:
    return f"{point.limits.max_wait * 1000:g} ms" if point.limits.policy == "fixed" else "adaptive"


def _milliseconds(window: str) -> float:
    return float(window.removesuffix(" ms")) if window.endswith(" ms") else 0.0
