"""What `scale` found, as tables of markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from statistics import median

from benchmarks.lib import machine
from benchmarks.lib.kept import Tables
from benchmarks.lib.markdown import table
from benchmarks.load.medians import grouped, middle
from benchmarks.scale.contract import Layout, Point, Report

COLUMNS = (
    "answers/s|to one|of what the model allows|p50 ms|p99 ms|jobs a batch|CPU µs an answer: front ends|broker|batchers"
    "|commands|trips|fullest process|cores in use, ours + others"
)
LAYOUT, PER_SECOND, OTHERS = attrgetter("layout"), attrgetter("per_second"), attrgetter("spent.others")
MEANING = (
    "Medians of the rounds. *To one*: answers a second by those of the first row. Commands and trips are the broker's, "
    "for one answer: commands that ran, those inside scripts included; times that it read from a connection. *Fullest "
    "process*: how much of a core it used; at 1.0 it can do no more. Where ours + others come to all cores of the "
    "machine, that is what ended it."
)


def tables(report: Report) -> Tables:
    """By name: `scale` is all of it, `gains` the answers a second alone."""
    return {"scale": list(_scale(report)), "gains": list(_gains(report))}


def _scale(report: Report) -> Iterator[str]:
    """A table for each thing that was varied, and the machine."""
    for varied, points in _by_varied(report).items():
        yield _title(points[0].layout)
        yield ""
        yield from table(f"{varied}|{COLUMNS}", _rows(points))
        yield ""
    yield MEANING
    yield ""
    yield _about(report)


def _gains(report: Report) -> Iterator[str]:
    for varied, points in _by_varied(report).items():
        rates = _rates(points)
        first = next(iter(rates.values()))
        yield from table(
            "|".join([varied, *(f"{layout.count}" for layout in rates)]),
            [
                ["answers/s", *(f"{rate:,.0f}" for rate in rates.values())],
                ["to the first", *(f"{rate / first:.2f}" for rate in rates.values())],
            ],
        )
        yield ""
    yield _about(report)


def _by_varied(report: Report) -> dict[str, list[Point]]:
    return grouped(report.points, lambda point: point.layout.varied)


def _rates(points: Sequence[Point]) -> dict[Layout, float]:
    """Answers a second, medians over the rounds, in the order in which the layouts were measured."""
    return {layout: middle(here, PER_SECOND) for layout, here in grouped(points, LAYOUT).items()}


def _about(report: Report) -> str:
    others = middle(report.points, OTHERS)
    return machine.beside_figures(report.date, report.machine, others)


def _title(layout: Layout) -> str:
    if layout.varied == "front ends":
        return f"**Front ends on one batcher** of `{layout.spec}`, {layout.connections} clients, one record a request"
    return (
        f"**Batchers on one lane** of `{layout.spec}`, {layout.front_ends} front end(s), {layout.connections} clients, "
        "one record a request"
    )


def _rows(points: Sequence[Point]) -> Iterator[list[str]]:
    rates = _rates(points)
    first = next(iter(rates.values()))
    for layout, here in grouped(points, LAYOUT).items():
        rate = rates[layout]
        yield [
            f"{layout.count}",
            _with_range(rate, [point.per_second for point in here]),
            f"{rate / first:.2f}",
            f"{rate / layout.most:.2f}" if layout.most else "–",
            *(f"{middle(here, attrgetter(name)):.1f}" for name in ("p50", "p99", "jobs_a_batch")),
            *(f"{median(point.micros(kind) for point in here):.0f}" for kind in ("front end", "broker", "batcher")),
            f"{middle(here, lambda point: point.spent.commands / point.answers):.2f}",
            f"{middle(here, lambda point: point.spent.trips / point.answers):.2f}",
            _fullest(here),
            _cores(here),
        ]


def _with_range(middle: float, values: Sequence[float]) -> str:
    return f"{middle:,.0f} ({min(values):,.0f}–{max(values):,.0f})" if len(values) > 1 else f"{middle:,.0f}"


def _fullest(points: Sequence[Point]) -> str:
    title, share = max((point.spent.fullest for point in points), key=lambda used: used[1])
    return f"{title} {share:.2f}"


def _cores(points: Sequence[Point]) -> str:
    ours = middle(points, lambda point: sum(point.spent.cpu.values()) / point.spent.seconds)
    return f"{ours:.1f} + {middle(points, OTHERS):.1f}"
