"""All settings of a run in one picture: throughput against p99 with what is recommended, and two runs as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from benchmarks.tuning.grid import shown
from benchmarks.tuning.records import Point, Recommendation, Run
from benchmarks.tuning.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PLACES,
    RED,
    is_doubtful,
    label,
    latency_scale,
    new_figure,
    place,
)
from benchmarks.tuning.report.frontier import Change, frontier, p99, rounded
from benchmarks.tuning.report.series import choices, seen

VERDICTS = (("worse", RED, "v"), ("better", GREEN, "^"), ("", GREY, "o"))
SHOWN = {"": "no change beyond noise"}


def throughput_against_p99(run: Run, points: Sequence[Point], recommendation: Recommendation | None) -> Figure:
    """A dot a point, the frontier as a line with its settings, the SLO dashed, what is recommended named."""
    figure = new_figure()
    axes = figure.add_subplot()
    known, best = [point for point in points if p99(point) is not None], frontier(points)
    _dots(axes, known)
    axes.plot(_rates(best), _p99s(best), color=BLUE, label="frontier: no point beats these in both")
    for point in best:
        axes.plot(*_at(point), color=BLUE, marker="o", markersize=5, markerfacecolor=_face(point, BLUE))
    labels = _recommended(axes, recommendation, points)
    named = {choice.limits for choice in choices(recommendation)}
    own = {point.limits: point for point in best if point.limits not in named}
    labels += [label(axes, shown(limits), _at(point)) for limits, point in own.items()]
    if run.slo_p99 is not None:
        axes.axhline(run.slo_p99 * 1000, color=RED, linestyle="--", label=f"SLO: p99 ≤ {run.slo_p99 * 1000:g} ms")
    _finish(axes, f"{run.model}: throughput against p99")
    place(axes, labels, [*map(_at, known)], PLACES[:1])  # nothing lies below and to the right of a frontier
    return figure


def two_runs(title: str, found: Sequence[Change], slo: float | None = None) -> Figure:
    """What both runs have, the old one hollow: a line leads to the new one, in the colour of the verdict."""
    figure = new_figure()
    axes = figure.add_subplot()
    labels = []
    known = [change for change in found if p99(change.old) is not None and p99(change.new) is not None]
    for verdict, colour, marker in VERDICTS:
        alike = [change for change in known if change.verdict == verdict]
        for change in alike:
            ends = [change.old, change.new]
            axes.plot(_rates(ends), _p99s(ends), color=colour, linewidth=1.2, zorder=1)
            axes.plot(*_at(change.old), color=colour, marker="o", markersize=4, markerfacecolor="white")
            axes.plot(*_at(change.new), color=colour, marker=marker, markersize=7, zorder=3)
            if verdict:
                labels.append(label(axes, shown(change.new.limits), _at(change.new)))
        if alike:
            words = f"{SHOWN.get(verdict, verdict)}: {len(alike)}"
            axes.plot([], [], color=colour, marker=marker, markersize=7, label=words)
    axes.plot([], [], color=BLACK, linestyle="none", marker="o", markersize=4, markerfacecolor="white", label="before")
    if slo is not None:
        axes.axhline(slo * 1000, color=BLACK, linestyle="--", label=f"SLO: p99 ≤ {slo * 1000:g} ms")
    _finish(axes, title)
    place(axes, labels, [_at(point) for change in known for point in (change.old, change.new)])
    return figure


def _dots(axes: Axes, known: Sequence[Point]) -> None:
    for is_hollow, title in ((False, "a setting under a load"), (True, "the same, with a doubt")):
        own = [point for point in known if is_doubtful(point) == is_hollow]
        if own:
            face = "white" if is_hollow else GREY
            axes.scatter(_rates(own), _p99s(own), facecolor=face, edgecolor=GREY, s=28, label=title, zorder=1)


def _recommended(axes: Axes, recommendation: Recommendation | None, points: Sequence[Point]) -> list[Annotation]:
    """A star on the best, a ring round the runner-up, each with its name and its rate; their labels."""
    labels = []
    marks = (("recommended", "*", 17, ORANGE, "bold"), ("runner-up", "D", 8, "white", "normal"))
    for choice, (title, marker, size, colour, weight) in zip(choices(recommendation), marks, strict=False):
        point = seen(choice, points)
        if point is None:
            continue
        face: dict[str, Any] = {"markerfacecolor": colour, "markeredgecolor": BLACK}
        axes.plot(*_at(point), linestyle="none", marker=marker, markersize=size, label=title, zorder=4, **face)
        soon = "" if choice.p99 is None else f", p99 {choice.p99:.0f} ms"
        words = f"{shown(choice.limits)}: {rounded(choice.rate)}/s{soon}"
        line = {"arrowstyle": "-", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 5, "relpos": (1.0, 0.5)}
        look: dict[str, Any] = {"weight": weight, "fontsize": 9 if weight == "bold" else 8, "arrowprops": line}
        labels.append(label(axes, words, _at(point), **look))
    return labels


def _finish(axes: Axes, title: str) -> None:
    axes.set(title=title, xlabel="answered requests a second", ylabel="p99, ms")
    axes.margins(x=0.2, y=0.1)
    latency_scale(axes)
    axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="best")


def _face(point: Point, colour: str) -> str:
    return "white" if is_doubtful(point) else colour


def _at(point: Point) -> tuple[float, float]:
    return point.summary.per_second, p99(point) or 0.0


def _rates(points: Sequence[Point]) -> list[float]:
    return [point.summary.per_second for point in points]


def _p99s(points: Sequence[Point]) -> list[float]:
    return [p99(point) or 0.0 for point in points]
