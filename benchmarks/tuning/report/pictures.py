"""The pictures of a run, drawn with matplotlib: throughput against p99, and window × size as heat maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from benchmarks.tuning.records import Point, Run
from benchmarks.tuning.report.frontier import frontier, name, p99

WIDTH, HEIGHT, DPI = 8.0, 5.0, 120  # inches, dots an inch: as wide as a column of text
GREY, LINE, SLO = "#b8b8b8", "#1f5fa8", "#c0392b"


def throughput_against_p99(run: Run, points: Sequence[Point]) -> bytes:
    """A dot a point, the frontier as a line with its settings, the SLO dashed. PNG."""
    figure = _figure()
    axes = figure.add_subplot()
    known, best = [point for point in points if p99(point) is not None], frontier(points)
    axes.scatter(_rates(known), _p99s(known), color=GREY, s=28, label="a setting under a load")
    axes.plot(_rates(best), _p99s(best), color=LINE, marker="o", label="frontier: nobody is faster and sooner")
    for point in best:  # nothing of the run lies below and to the right of its frontier
        at = (point.summary.per_second, p99(point) or 0.0)
        axes.annotate(name(point.limits), at, xytext=(7, -12), textcoords="offset points", fontsize=8)
    if run.slo_p99 is not None:
        axes.axhline(run.slo_p99 * 1000, color=SLO, linestyle="--", label=f"SLO: p99 ≤ {run.slo_p99 * 1000:g} ms")
    axes.set(title=f"{run.model}: throughput against p99", xlabel="answered requests a second", ylabel="p99, ms")
    axes.set_yscale("log")
    for ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        ticks(LogFormatter(minor_thresholds=(3, 0.5)))
    axes.margins(x=0.25, y=0.1)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return _png(figure)


def heat_maps(points: Sequence[Point]) -> bytes | None:
    """Rate and p99 by window and size, the best load of each; None where there is only one setting."""
    rows = sorted({_window(point) for point in points}, key=lambda text: (text != "adaptive", _milliseconds(text)))
    columns = sorted({point.limits.max_batch_size for point in points})
    if len(rows) * len(columns) < 2:
        return None
    figure = _figure()
    rate, latency = figure.subplots(1, 2)
    _heat(rate, points, rows, columns, lambda point: point.summary.per_second, max, "requests a second", "viridis")
    _heat(latency, points, rows, columns, p99, min, "p99, ms", "viridis_r")
    return _png(figure)


def _heat(
    axes: Axes,
    points: Sequence[Point],
    rows: Sequence[str],
    columns: Sequence[int],
    value: Callable[[Point], float | None],
    best: Callable[[Sequence[float]], float],
    title: str,
    colours: str,
) -> None:
    def cell(row: str, column: int) -> float:
        here = [point for point in points if _window(point) == row and point.limits.max_batch_size == column]
        found = [number for point in here if (number := value(point)) is not None]
        return best(found) if found else float("nan")

    grid = [[cell(row, column) for column in columns] for row in rows]
    axes.imshow(grid, cmap=colours, aspect="auto")
    axes.set(title=title, xlabel="max_batch_size", ylabel="window")
    axes.set_xticks(range(len(columns)), [str(column) for column in columns])
    axes.set_yticks(range(len(rows)), rows)
    for down, line in enumerate(grid):
        for right, number in enumerate(line):
            shown = "–" if number != number else f"{number:.0f}"
            box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1}
            axes.text(right, down, shown, ha="center", va="center", fontsize=8, bbox=box)


def _figure() -> Figure:
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    made = BytesIO()
    figure.savefig(made, format="png", metadata={"Software": None})
    return made.getvalue()


def _rates(points: Sequence[Point]) -> list[float]:
    return [point.summary.per_second for point in points]


def _p99s(points: Sequence[Point]) -> list[float]:
    return [p99(point) or 0.0 for point in points]


def _window(point: Point) -> str:
    return f"{point.limits.max_wait * 1000:g} ms" if point.limits.policy == "fixed" else "adaptive"


def _milliseconds(window: str) -> float:
    return float(window.removesuffix(" ms")) if window.endswith(" ms") else 0.0
