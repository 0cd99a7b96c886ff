"""The interactive requests' latencies above the staircases of the batches' progress, in one picture."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.batches.contract import Bursts, Ground, Run, Way
from benchmarks.batches.report import latencies, progress
from benchmarks.lib.summary import ANSWERED, spread
from benchmarks.tuning.report.drawing import BLUE, GREEN, GREY, ORANGE, PINK, latency_scale, new_figure

COLOURS = {Way.ALONE: GREEN, Way.PLAIN: ORANGE, Way.BULK: BLUE, Way.FILES: PINK}
POINTS = 200  # of a staircase


def staircase(ground: Ground, bursts: Bursts, runs: Sequence[Run]) -> Figure:
    """One round of every way; the grey times are those in which interactive requests come."""
    figure = new_figure()
    above, below = figure.subplots(2, 1, sharex=True)
    for run in runs:
        _latencies(above, bursts, run)
        if run.way is not Way.ALONE:
            _progress(below, bursts, run)
    above.set(title=f"{ground.spec}: interactive requests in bursts beside three batches", ylabel="latency, ms")
    below.set(xlabel="seconds (grey: a burst of interactive requests)", ylabel="records of the batches, done")
    latency_scale(above)
    for axes in (above, below):
        _shade(axes, bursts)
        axes.set_xlim(bursts.warm_up, bursts.seconds)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="center right")  # where no request is due
    return figure


def _latencies(axes: Axes, bursts: Bursts, run: Run) -> None:
    calls = [call for call in run.calls if bursts.is_measured(call.due) and call.outcome == ANSWERED]
    found = spread(latencies(bursts, [run]))
    p99 = f": p99 {found.p99:.0f} ms" if found else ""
    dues, tooks = [call.due for call in calls], [1000 * call.took for call in calls]
    axes.plot(dues, tooks, linestyle="none", marker=".", markersize=3, color=COLOURS[run.way], label=f"{run.way}{p99}")


def _progress(axes: Axes, bursts: Bursts, run: Run) -> None:
    """From when they are warm; all batches together."""
    before = progress(run, bursts.warm_up)
    times = [bursts.warm_up + bursts.duration * number / POINTS for number in range(POINTS + 1)]
    done = [progress(run, at) - before for at in times]
    axes.plot(times, done, color=COLOURS[run.way], label=str(run.way))


def _shade(axes: Axes, bursts: Bursts) -> None:
    for begin in bursts.begins:
        axes.axvspan(begin, begin + bursts.on, color=GREY, alpha=0.25, linewidth=0)
