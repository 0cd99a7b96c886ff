"""What load does to a setting, as pictures: latency by stage, batch sizes, and goodput with its knee."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from benchmarks.tuning.grid import shown
from benchmarks.tuning.records import Point, Recommendation, Run
from benchmarks.tuning.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    RED,
    SKY,
    is_doubtful,
    new_figure,
    starred,
)
from benchmarks.tuning.report.series import (
    Series,
    good,
    is_kept,
    knee,
    knee_in_words,
    load,
    shares,
    thinned,
    title,
)

STAGES = {"queue": SKY, "window": ORANGE, "compute": BLUE, "return": PINK}
LINES = ((BLUE, "o"), (RED, "s"), (GREEN, "^"), (PINK, "D"), (ORANGE, "v"), (BLACK, "P"))
RING: dict[str, Any] = {"marker": "o", "markersize": 14, "markerfacecolor": "none", "markeredgewidth": 1.5}
HOLLOW: dict[str, Any] = {"marker": "o", "markersize": 5, "markerfacecolor": "white"}
BAR: dict[str, Any] = {"width": 0.75, "edgecolor": "white", "linewidth": 0.6}
LEAST = 0.003  # of the highest bar: a part that nowhere reaches it cannot be seen
CUT = 1.25  # times the highest bar that is shown whole


def stages_against_load(series: Series, recommendation: Recommendation | None) -> Figure:
    """A bar a load, of the mean of each stage. Bars far above those that are carried are cut and say their height."""
    points = thinned(series.points)
    figure, axes = _bars(series, points, lambda point: dict(point.summary.stages), STAGES)
    axes.set(title=f"Where the time goes: {title(series, recommendation)}", ylabel="mean latency in the server, ms")
    totals = [sum(point.summary.stages.values()) for point in points]
    whole = [total for total, point in zip(totals, points, strict=True) if is_kept(point)] or totals
    top = min(max(totals), 2 * max(whole)) * CUT
    axes.set_ylim(0, top)
    for place, total in enumerate(totals):
        if total > top:
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            axes.text(place, top * 0.97, f"↑ {total:,.0f}", ha="center", va="top", fontsize=8, bbox=box)
    return figure


def batch_sizes_against_load(series: Series, recommendation: Recommendation | None) -> Figure:
    """A bar a load, of the shares of requests that met batches of so many jobs."""
    points = thinned(series.points)
    parts = [{octave: 100 * share for octave, share in shares(point).items()} for point in points]
    octaves = sorted({octave for part in parts for octave in part}, key=lambda text: int(text.split()[0]))
    dark = colormaps["viridis_r"]
    colours = {octave: to_hex(dark(0.05 + 0.9 * place / len(octaves))) for place, octave in enumerate(octaves)}
    by_point = dict(zip(map(id, points), parts, strict=True))
    figure, axes = _bars(series, points, lambda point: by_point[id(point)], colours, "jobs in the batch")
    axes.set(title=f"Batches that requests meet: {title(series, recommendation)}", ylim=(0, 108))
    axes.set_ylabel("share of requests, % (a batch of 32 counts 32 times)")
    for place, point in enumerate(points):
        if point.summary.batch_size is not None:
            axes.text(place, 101, f"{point.summary.batch_size:.3g}", ha="center", va="bottom", fontsize=8)
    axes.annotate("mean", (0, 1), (-4, -13), "axes fraction", "offset points", ha="right", fontsize=8)
    return figure


def goodput_against_rate(run: Run, curves: Sequence[Sequence[Series]]) -> Figure:
    """A line a setting; its knee, the highest rate that it carries, is marked and named."""
    figure = new_figure()
    axes = figure.add_subplot()
    most = max(load(point) for same in curves for point in same[0].points)
    axes.plot([0, most], [0, most], color=GREY, linestyle="--", linewidth=1, label="all that is offered")
    for (series, *others), (colour, marker) in zip(curves, LINES, strict=False):
        like = f" ({len(others)} more alike)" if others else ""
        _curve(axes, series, f"{shown(series.limits)}{like}: {knee_in_words(series)}", colour, marker)
    axes.plot([], [], color=GREY, linestyle="none", label="the knee: the highest rate that is carried", **RING)
    if any(is_doubtful(point) for same in curves for point in same[0].points):
        axes.plot([], [], color=GREY, linestyle="none", label="hollow: carries a doubt", **HOLLOW)
    within = f" within {run.slo_p99 * 1000:g} ms" if run.slo_p99 is not None else ""
    axes.set(title=f"{run.model}: goodput against offered rate", xlabel="offered requests a second")
    axes.set_ylabel(f"requests a second answered{within}")
    least = min(load(point) for same in curves for point in same[0].points)
    axes.set(xlim=(0 if least < most / 2 else 0.95 * least, 1.03 * most), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="best")
    return figure


def _curve(axes: Axes, series: Series, label: str, colour: str, marker: str) -> None:
    rates, goods = [load(point) for point in series.points], [good(point) for point in series.points]
    axes.plot(rates, goods, color=colour, linewidth=1.5, marker=marker, markersize=5, label=label)
    for point, rate, value in zip(series.points, rates, goods, strict=True):
        if is_doubtful(point):
            axes.plot(rate, value, color=colour, **{**HOLLOW, "marker": marker})
        if point.offered.rate == knee(series.points):
            axes.plot(rate, value, color=colour, **RING)


def _bars(
    series: Series,
    points: Sequence[Point],
    parts: Callable[[Point], Mapping[str, float]],
    colours: Mapping[str, str],
    legend: str = "",
) -> tuple[Figure, Axes]:
    """Bars of parts that stand on each other, at even distances whatever the loads are."""
    figure = new_figure()
    axes = figure.add_subplot()
    heights = [0.0] * len(points)
    for part, colour in colours.items():
        values = [parts(point).get(part, 0.0) for point in points]
        if max(values) < LEAST * max(sum(parts(point).values()) for point in points):
            continue
        axes.bar(range(len(points)), values, bottom=heights, color=colour, label=part, **BAR)
        heights = [height + value for height, value in zip(heights, values, strict=True)]
    axes.set_xticks(range(len(points)), [starred(load(point), point) for point in points])
    doubted = "   (* carries a doubt)" if any(map(is_doubtful, points)) else ""
    axes.set_xlabel(f"{series.axis}{doubted}")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], title=legend, loc="outside right upper", fontsize=8, title_fontsize=8)
    return figure, axes
