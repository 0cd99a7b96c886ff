"""Window × size as heat maps: what each carries, and how late it is under one load that shows the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from benchmarks.tuning.records import Offered, Point, Run
from benchmarks.tuning.report.drawing import new_figure
from benchmarks.tuning.report.frontier import load, p99, rounded

COMMON = 0.8  # of the settings, measured under one load: fewer make a map of holes
Cell = Callable[[Sequence[Point]], float | None]  # of the points of one window and size
Words = Callable[[Sequence[Point]], str]  # for a cell without a number


def heat_maps(run: Run, points: Sequence[Point]) -> Figure | None:
    """Rate by window and size, and p99 where most settings have a load in common; None for only one setting."""
    rows = sorted({_window(point) for point in points}, key=lambda text: (text != "adaptive", _milliseconds(text)))
    columns = sorted({point.limits.max_batch_size for point in points})
    if len(rows) * len(columns) < 2:
        return None
    figure = new_figure()
    figure.suptitle(f"{run.model}: window × size", fontsize=12)
    offered = telling(points, run.slo_p99)
    under_it = {one.limits for one in points if one.offered == offered}
    is_common = len(under_it) >= COMMON * len({one.limits for one in points})
    rate, *latency = figure.subplots(1, 1 + is_common, squeeze=False)[0]
    within = f"\nwith a p99 within {run.slo_p99 * 1000:g} ms" if run.slo_p99 is not None else ""
    title = f"requests a second{within}"
    _heat(rate, points, rows, columns, lambda here: highest(here, run.slo_p99), title, "viridis", below)
    title = f"p99, ms\nat {load(offered)}"
    for axes in latency:
        _heat(axes, points, rows, columns, lambda here: soonest(here, offered), title, "viridis_r", is_log=True)
    return figure


def highest(points: Sequence[Point], slo: float | None) -> float | None:
    """The highest load at which most trials kept the SLO, of clients that wait what they had; without an SLO, the most
    answered. Most, since a noisy minute keeps what the next does not."""
    if slo is None:
        return max((one.summary.per_second for one in points), default=None)
    trials = Counter(one.offered for one in points)
    kept = [one for one in points if (p99(one) or float("inf")) <= slo * 1000]
    times = Counter(one.offered for one in kept)
    mostly = [one for one in kept if 2 * times[one.offered] > trials[one.offered]]
    return max((one.offered.rate or one.summary.per_second for one in mostly), default=None)


def below(points: Sequence[Point]) -> str:
    """What is known of a setting that kept the SLO under no load: the lowest one that was tried."""
    return f"< {rounded(min(_size(one.offered) for one in points))}" if points else "–"


def soonest(points: Sequence[Point], offered: Offered) -> float | None:
    """The least p99 under this load."""
    return min((found for one in points if one.offered == offered and (found := p99(one)) is not None), default=None)


def telling(points: Sequence[Point], slo: float | None) -> Offered:
    """The load that tells settings apart: of those that most have in common, the highest that any keeps."""
    counts = Counter(point.offered for point in points)
    most = max(counts.values())
    common = [point for point in points if counts[point.offered] == most]
    kept = [one for one in common if slo is None or (p99(one) or float("inf")) <= slo * 1000]
    return max((one.offered for one in kept or common), key=_size)


def _heat(
    axes: Axes,
    points: Sequence[Point],
    rows: Sequence[str],
    columns: Sequence[int],
    value: Cell,
    title: str,
    colours: str,
    missing: Words = lambda here: "–",
    *,
    is_log: bool = False,
) -> None:
    def here(row: str, column: int) -> list[Point]:
        return [point for point in points if _window(point) == row and point.limits.max_batch_size == column]

    def number(row: str, column: int) -> float:
        found = value(here(row, column))
        return float("nan") if found is None else found

    grid = [[number(row, column) for column in columns] for row in rows]
    known = [held for line in grid for held in line if held == held]
    scale = LogNorm if is_log and min(known, default=0.0) > 0 and min(known) < max(known) else Normalize
    axes.imshow(grid, cmap=colours, aspect="auto", norm=scale())
    axes.set(title=title, xlabel="max_batch_size, jobs", ylabel="window")
    axes.title.set_fontsize(10)
    axes.set_xticks(range(len(columns)), [str(column) for column in columns])
    axes.set_yticks(range(len(rows)), rows)
    for down, line in enumerate(grid):
        for right, held in enumerate(line):
            shown = missing(here(rows[down], columns[right])) if held != held else f"{held:.0f}"
            box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1}
            axes.text(right, down, shown, ha="center", va="center", fontsize=8, bbox=box)


def _size(offered: Offered) -> float:
    return offered.rate or offered.concurrency or 0.0


def _window(point: Point) -> str:
    return f"{point.limits.max_wait * 1000:g} ms" if point.limits.policy == "fixed" else "adaptive"


def _milliseconds(window: str) -> float:
    return float(window.removesuffix(" ms")) if window.endswith(" ms") else 0.0
