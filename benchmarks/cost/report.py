"""What `cost` found, as tables of markdown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from statistics import median
from typing import Any

from benchmarks.cost.constants import Constants, Ends, constants, ends
from benchmarks.cost.contract import Report, Run, Sent, Sized, Waiting
from benchmarks.lib import machine
from benchmarks.lib.kept import Tables
from benchmarks.lib.markdown import table
from benchmarks.load.medians import grouped, middle

KINDS = ("front end", "broker", "batcher")
BY_KIND = "|".join(KINDS)
SENT = (
    "clients|answers/s|p50 ms, alone|p50 ms, busy|jobs a batch"
    f"|CPU µs a record, busy: {BY_KIND}|CPU µs a request, alone: {BY_KIND}|commands a record, busy"
)
SIZED = (
    "at most a batch|jobs a batch|jobs/s|CPU µs a batch: broker|batcher|CPU µs a job: broker|batcher"
    "|commands a batch|trips a batch"
)
WAITING = f"jobs|jobs/s|p50 ms of a request|CPU µs a job: {BY_KIND}|commands a job"
STANDING = "jobs that wait|ms to admit one job|to claim a batch|to finish it|jobs of that batch|CPU µs a job"
CONSTANTS = "processor time, µs, of one core|a request|a batch|a job|1,000 characters more|a request that is alone"


def tables(report: Report) -> Tables:
    """By name: `cost` is all that was measured, `constants` what follows from it."""
    return {"cost": list(_cost(report)), "constants": list(_summary(report))}


def _cost(report: Report) -> Iterator[str]:
    yield "**Records a request** (33 characters each)"
    yield ""
    yield from _sent(report, "records")
    yield ""
    yield "**Characters of a record** (one record a request)"
    yield ""
    yield from _sent(report, "characters")
    yield ""
    yield "**Jobs a batch** (requests of 100 records that come at once)"
    yield ""
    yield from table(SIZED, _by(report.sized, lambda row: row.size, _sized))
    yield ""
    yield "**Jobs that come at once** (the same; small numbers of them again and again)"
    yield ""
    yield from table(WAITING, _by(report.waiting, lambda row: row.backlog, _waiting))
    yield ""
    yield "**The broker alone while so many jobs wait**, and go on waiting (one caller)"
    yield ""
    yield from table(STANDING, _by(report.waiting, lambda row: row.backlog, _standing))
    yield ""
    yield _about(report)


def _summary(report: Report) -> Iterator[str]:
    """The constants, and where one of each ends."""
    found = constants(report)
    yield from table(CONSTANTS, _constants(found))
    yield ""
    yield from table("one core of|does at most, a second", _ends(ends(found)))
    yield ""
    yield _about(report)


def _about(report: Report) -> str:
    others = middle(report.sent, lambda row: row.busy.spent.others)
    return f"Medians of the rounds. {machine.beside_figures(report.date, report.machine, others)}"


def _sent(report: Report, varied: str) -> Iterator[str]:
    rows = [row for row in report.sent if row.varied == varied]
    yield from table(f"{varied}|{SENT}", _by(rows, lambda row: row.value, _sent_row))


def _by(
    rows: Sequence[Any], value: Callable[[Any], int], cells: Callable[[list[Any]], list[str]]
) -> Iterator[list[str]]:
    """A line for each value, of the rounds that have it."""
    for one, rounds in grouped(rows, value).items():
        yield [f"{one:,}", *cells(rounds)]


def _sent_row(rows: list[Sent]) -> list[str]:
    lone, busy = [row.lone for row in rows], [row.busy for row in rows]
    return [
        f"{rows[0].clients}",
        f"{middle(busy, lambda run: run.requests / run.seconds):,.0f}",
        f"{middle(lone, lambda run: run.p50):.2f}",
        f"{middle(busy, lambda run: run.p50):.1f}",
        f"{middle(busy, lambda run: run.jobs_a_batch):.1f}",
        *_by_kind(busy, Run.micros, digits=1),
        *_by_kind(lone, Run.micros_a_request),
        f"{middle(busy, lambda run: run.spent.commands / run.jobs):.2f}",
    ]


def _sized(rows: list[Sized]) -> list[str]:
    runs = [row.run for row in rows]
    return [
        f"{middle(runs, lambda run: run.jobs_a_batch):.1f}",
        f"{middle(runs, lambda run: run.jobs / run.seconds):,.0f}",
        *_by_kind(runs, Run.micros_a_batch)[1:],
        *_by_kind(runs, Run.micros, digits=1)[1:],
        f"{middle(runs, lambda run: run.spent.commands / run.batches):.1f}",
        f"{middle(runs, lambda run: run.spent.trips / run.batches):.1f}",
    ]


def _waiting(rows: list[Waiting]) -> list[str]:
    runs = [row.run for row in rows]
    return [
        f"{middle(runs, lambda run: run.jobs / run.seconds):,.0f}",
        f"{middle(runs, lambda run: run.p50):,.1f}",
        *_by_kind(runs, Run.micros, digits=1),
        f"{middle(runs, lambda run: run.spent.commands / run.jobs):.2f}",
    ]


def _standing(rows: list[Waiting]) -> list[str]:
    stood = [row.standing for row in rows]
    return [
        *(f"{middle(stood, attrgetter(name)):.2f}" for name in ("admit", "claim", "finish")),
        f"{stood[0].batch}",
        f"{middle(stood, lambda one: one.micros):.1f}",
    ]


def _by_kind(runs: Sequence[Run], micros: Callable[[Run, str], float], digits: int = 0) -> list[str]:
    """Processor time of the front end, the broker and the batcher."""
    return [f"{median(micros(run, kind) for run in runs):,.{digits}f}" for kind in KINDS]


def _constants(of: Constants) -> Iterator[list[str]]:
    lines = (
        ("front end", of.front_end_request, None, of.front_end_record, of.front_end_characters, of.front_end_lone),
        ("broker", of.broker_request, of.broker_batch, of.broker_job, of.broker_characters, of.broker_lone),
        ("batcher", None, of.batcher_batch, of.batcher_job, of.batcher_characters, of.batcher_lone),
    )
    for kind, *figures in lines:
        yield [kind, *("–" if figure is None else f"{figure:.1f}" for figure in figures)]


def _ends(of: Ends) -> Iterator[list[str]]:
    yield ["a front end, one record a request", f"{of.front_end_requests:,.0f} requests"]
    yield ["a front end, 256 records a request", f"{of.front_end_records:,.0f} records"]
    yield ["the broker, one record a request, batches of 64", f"{of.broker_full:,.0f} jobs"]
    yield ["the broker, 256 records a request, batches of 64", f"{of.broker_records:,.0f} jobs"]
    yield ["the broker, one record a request, batches of one", f"{of.broker_ones:,.0f} jobs"]
    yield ["a batcher besides its model, batches of 64", f"{of.batcher_full:,.0f} jobs"]
    yield ["a batcher besides its model, batches of one", f"{of.batcher_ones:,.0f} batches"]
