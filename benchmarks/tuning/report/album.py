"""Which pictures a run has, in the order in which they are read, each with a sentence that says how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.figure import Figure

from benchmarks.tuning.records import Point, Recommendation, Run
from benchmarks.tuning.report.drawing import png
from benchmarks.tuning.report.frontier import Change, frontier
from benchmarks.tuning.report.heat_maps import heat_maps
from benchmarks.tuning.report.load_pictures import batch_sizes_against_load, goodput_against_rate, stages_against_load
from benchmarks.tuning.report.page import Picture
from benchmarks.tuning.report.pictures import throughput_against_p99, two_runs
from benchmarks.tuning.report.series import all_series, curves, told

THROUGHPUT = (
    "Right is more, down is sooner: of two settings on the line one carries more and the other answers sooner, and "
    "everything off the line is beaten by something on it. Hollow points carry a doubt."
)
GOODPUT = (
    "A line follows the diagonal as long as the setting answers all that comes within the SLO, and leaves it at its "
    "knee; behind it requests only wait longer."
)
STAGES = (
    "Queue is the wait for the card, window the wait for company, compute the batch, return the way back; a bar that "
    "says ↑ goes on to that height, for there more comes than is carried."
)
SIZES = "Under more load batches are larger: where all requests meet full batches, the size is what bounds the rate."
HEAT = (
    "A cell is a setting: yellow is good, – was not measured, and < stands before the lowest rate that was tried of a "
    "setting that kept the SLO at none."
)
TWO = "A line leads from the old run to the new one: right and down is better, and grey is what noise explains."


def of_run(run: Run, points: Sequence[Point], recommendation: Recommendation | None) -> list[Picture]:
    """Those that these points are enough for."""
    return [
        Picture(name=name, png=png(figure), reading=reading)
        for name, figure, reading in _drawn(run, points, recommendation)
    ]


def of_two(title: str, found: Sequence[Change], slo: float | None) -> list[Picture]:
    """One picture of both; none where they have nothing in common."""
    return [Picture(name="comparison", png=png(two_runs(title, found, slo)), reading=TWO)] if found else []


def _drawn(
    run: Run, points: Sequence[Point], recommendation: Recommendation | None
) -> Iterator[tuple[str, Figure, str]]:
    series = all_series(points)
    if frontier(points):
        yield "throughput", throughput_against_p99(run, points, recommendation), THROUGHPUT
    if lines := curves(series, recommendation):
        yield "goodput", goodput_against_rate(run, lines), GOODPUT
    close = told(series, recommendation)
    if close and any(point.summary.stages for point in close.points):
        yield "stages", stages_against_load(close, recommendation), STAGES
    if close and any(point.summary.batch_sizes for point in close.points):
        yield "sizes", batch_sizes_against_load(close, recommendation), SIZES
    if heat := heat_maps(run, points):
        yield "heat", heat, HEAT
