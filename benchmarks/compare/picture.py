"""The ways side by side: answers a second of the closed loops, latencies of the open ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.compare.report import ADAPTIVE, FIXED, WAYS, WITHOUT, Row
from benchmarks.load.medians import middle
from benchmarks.load.rounds import Figure as Value
from benchmarks.load.rounds import p50, p99, per_second
from benchmarks.load.stretch import Load
from benchmarks.tuning.report.drawing import BLUE, GREY, ORANGE, latency_scale, new_figure

COLOURS = {WITHOUT: GREY, FIXED: ORANGE, ADAPTIVE: BLUE}


def picture(spec: str, rows: Sequence[Row]) -> Figure:
    """Rates that are not carried have no latency: it would grow for as long as one measures."""
    figure = new_figure()
    closed, opened = figure.subplots(1, 2)
    for way in WAYS:
        ours = [row for row in rows if row.way == way]
        _line(closed, [row for row in ours if row.load.clients], way, per_second, "o-", _clients)
        carried = [row for row in ours if row.load.rate and row.is_carried]
        _line(opened, carried, f"{way}: p50", p50, "o-", _rate)
        _line(opened, carried, f"{way}: p99", p99, "^--", _rate)
    figure.suptitle(f"{spec}: batching, and none", fontsize=11)
    closed.set_xscale("log", base=2)
    closed.set_xticks(*_ticks(rows))
    closed.set(xlabel="clients of a closed loop", ylabel="answers a second", ylim=(0, None))
    opened.set(xlabel="requests a second, open loop (those carried)", ylabel="latency, ms")
    latency_scale(opened)
    for axes in (closed, opened):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    return figure


def _line(axes: Axes, rows: Sequence[Row], label: str, of: Value, style: str, at: Callable[[Load], float]) -> None:
    if rows:
        xs, ys = [at(row.load) for row in rows], [middle(row.rounds, of) for row in rows]
        axes.plot(xs, ys, style, markersize=4, color=COLOURS[rows[0].way], label=label)


def _ticks(rows: Sequence[Row]) -> tuple[list[int], list[str]]:
    """The clients of the closed loops, by their numbers."""
    clients = sorted({row.load.clients for row in rows if row.load.clients})
    return clients, [str(count) for count in clients]


def _clients(load: Load) -> float:
    return float(load.clients or 0)


def _rate(load: Load) -> float:
    return load.rate or 0.0
