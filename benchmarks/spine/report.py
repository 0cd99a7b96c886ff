"""What the spine's measurement found, as a page of markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.lib.markdown import table
from benchmarks.lib.summary import Spread
from benchmarks.spent.broker_calls import BrokerWork, combined, commands_a_job, trips_a_job
from benchmarks.spine.wrk import WrkRun

BARE, JITNEY = "bare Starlette", "Jitney"
LOAD = "load|others"  # columns


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineLoad:
    """What else went on while a figure was taken."""

    load: float  # of the machine over the last minute, ours included
    others: float  # cores that processes other than ours kept busy

    @property
    def cells(self) -> Sequence[str]:
        return f"{self.load:.1f}", f"{self.others:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """One run of wrk against one server."""

    server: str
    run: WrkRun
    cpu: Mapping[str, float]  # processor µs a request, by process
    load: MachineLoad
    work: BrokerWork | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleClient:
    """One client that waits for each answer."""

    what: str
    requests: int
    latency: Spread
    load: MachineLoad


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Jobs admitted in few requests of many records, worked off in batches of at most `max_batch_size`."""

    max_batch_size: int
    work: BrokerWork
    load: MachineLoad


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Rows in the order in which they were measured."""

    machine: Mapping[str, str]
    throughput: Sequence[Throughput]
    backlogs: Sequence[Backlog]
    single_client: Sequence[SingleClient]

    @property
    def share(self) -> float:
        """Jitney's requests/s by bare Starlette's: the median over the rounds, each within itself."""
        return median(self.shares)

    @property
    def shares(self) -> Sequence[float]:
        bare, jitney = ([row.run.per_second for row in self.throughput if row.server == who] for who in (BARE, JITNEY))
        return [ours / theirs for ours, theirs in zip(jitney, bare, strict=True)]


def markdown(report: Report) -> str:
    """The whole page."""
    machine = [f"- {name}: {value}" for name, value in report.machine.items()]
    machine.append("- load: of the machine over a minute, ours included; others: cores that other processes kept busy")
    return "\n".join([*machine, "", *_throughput(report), "", *_calls(report), "", *_latency(report)])


def _throughput(report: Report) -> Iterable[str]:
    rows = [
        (
            row.server,
            f"{row.run.per_second:,.0f}",
            f"{row.run.refused}",
            f"{row.run.broken}",
            f"{row.run.p50:.1f}",
            f"{row.run.p99:.1f}",
            ", ".join(f"{title} {micros:.0f}" for title, micros in row.cpu.items()),
            *row.load.cells,
        )
        for row in report.throughput
    ]
    yield "**Throughput** (one record a request; broken: socket errors, and answers that took over 2 s)"
    yield ""
    yield from table(f"server|requests/s|refused|broken|p50 ms|p99 ms|CPU µs a request|{LOAD}", rows)
    yield ""
    shares = ", ".join(f"{share:.2f}" for share in report.shares)
    yield f"Jitney / bare Starlette: **{report.share:.2f}** (by round: {shares})"


def _calls(report: Report) -> Iterable[str]:
    wrk = [("wrk", row.work, row.load) for row in report.throughput if row.work]
    backlogs = [(f"backlog, ≤ {one.max_batch_size} a batch", one.work, one.load) for one in report.backlogs]
    yield "**The broker's work** (INFO commandstats; EXEC: large FINISH; EVALSHA: the others, ADMIT, DRAIN …)"
    yield ""
    columns = (
        "load from|jobs|batches|jobs/batch|batches/s|EXEC|EVALSHA|of them ADMIT|(EXEC + EVALSHA)/batch|without ADMIT"
        f"|all commands/batch|{LOAD}"
    )
    yield from table(columns, [_work_row(*row) for row in [*wrk, *backlogs]])
    yield ""
    largest, smallest = (at(one.max_batch_size for one in report.backlogs) for at in (max, min))
    large, small = (
        combined([one.work for one in report.backlogs if one.max_batch_size == size]) for size in (largest, smallest)
    )
    yield (
        f"From {small.jobs_a_batch:.0f} to {large.jobs_a_batch:.0f} jobs a batch, each job more adds "
        f"**{trips_a_job(large, small):.4f}** EXEC + EVALSHA, and {commands_a_job(large, small):.3f} commands of any "
        "kind (those inside scripts included)."
    )


def _work_row(source: str, work: BrokerWork, load: MachineLoad) -> Sequence[str]:
    return (
        source,
        f"{work.jobs}",
        f"{work.batches}",
        f"{work.jobs_a_batch:.1f}",
        f"{work.batches_a_second:.0f}",
        f"{work.exec}",
        f"{work.evalsha}",
        f"{work.admit}",
        f"{work.trips_a_batch:.2f}",
        f"{work.batcher_trips_a_batch:.2f}",
        f"{work.commands_a_batch:.0f}",
        *load.cells,
    )


def _latency(report: Report) -> Iterable[str]:
    rows = [
        (
            row.what,
            f"{row.requests}",
            *(f"{value:.2f}" for value in (row.latency.p50, row.latency.p90, row.latency.p99, row.latency.max)),
            *row.load.cells,
        )
        for row in report.single_client
    ]
    yield "**A lone client** (one connection, the next request when the last is answered; the model takes 10 ms)"
    yield ""
    yield from table(f"server|requests|p50 ms|p90 ms|p99 ms|max ms|{LOAD}", rows)
