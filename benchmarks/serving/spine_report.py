"""What the spine's measurement found, as a page of markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.lib.broker_calls import Toll, commands_a_job, together, trips_a_job
from benchmarks.lib.markdown import table
from benchmarks.lib.summary import Spread
from benchmarks.lib.wrk import Burst

BARE, JITNEY = "bare Starlette", "Jitney"
AROUND = "load|others"  # columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What else went on while a figure was taken."""

    load: float  # of the machine over the last minute, ours included
    others: float  # cores that processes other than ours kept busy

    @property
    def cells(self) -> Sequence[str]:
        return f"{self.load:.1f}", f"{self.others:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturated:
    """One run of wrk against one server."""

    server: str
    burst: Burst
    cpu: Mapping[str, float]  # processor µs a request, by process
    around: Around
    toll: Toll | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lone:
    """One client that waits for each answer."""

    what: str
    requests: int
    latency: Spread
    around: Around


@dataclass(frozen=True, slots=True, kw_only=True)
class Heap:
    """Jobs admitted in few requests of many records, worked off in batches of at most `max_batch_size`."""

    max_batch_size: int
    toll: Toll
    around: Around


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Rows in the order in which they were measured."""

    machine: Mapping[str, str]
    saturated: Sequence[Saturated]
    heaps: Sequence[Heap]
    lone: Sequence[Lone]

    @property
    def share(self) -> float:
        """Jitney's requests/s by bare Starlette's: the median over the rounds, each within itself."""
        return median(self.shares)

    @property
    def shares(self) -> Sequence[float]:
        bare, jitney = ([row.burst.per_second for row in self.saturated if row.server == who] for who in (BARE, JITNEY))
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
            f"{row.burst.per_second:,.0f}",
            f"{row.burst.refused}",
            f"{row.burst.broken}",
            f"{row.burst.p50:.1f}",
            f"{row.burst.p99:.1f}",
            ", ".join(f"{title} {micros:.0f}" for title, micros in row.cpu.items()),
            *row.around.cells,
        )
        for row in report.saturated
    ]
    yield "**Throughput** (one record a request; broken: socket errors, and answers that took over 2 s)"
    yield ""
    yield from table(f"server|requests/s|refused|broken|p50 ms|p99 ms|CPU µs a request|{AROUND}", rows)
    yield ""
    shares = ", ".join(f"{share:.2f}" for share in report.shares)
    yield f"Jitney / bare Starlette: **{report.share:.2f}** (by round: {shares})"


def _calls(report: Report) -> Iterable[str]:
    wrk = [("wrk", row.toll, row.around) for row in report.saturated if row.toll]
    heaps = [(f"heap, ≤ {heap.max_batch_size} a batch", heap.toll, heap.around) for heap in report.heaps]
    yield "**The broker's work** (INFO commandstats; EXEC is FINISH, EVALSHA is DRAIN, ADMIT, BEAT and RECLAIM)"
    yield ""
    columns = (
        "load from|jobs|batches|jobs/batch|batches/s|EXEC|EVALSHA|of them ADMIT|(EXEC + EVALSHA)/batch|without ADMIT"
        f"|all commands/batch|{AROUND}"
    )
    yield from table(columns, [_toll_row(*row) for row in [*wrk, *heaps]])
    yield ""
    largest, smallest = (at(heap.max_batch_size for heap in report.heaps) for at in (max, min))
    large, small = (
        together([heap.toll for heap in report.heaps if heap.max_batch_size == size]) for size in (largest, smallest)
    )
    yield (
        f"From {small.jobs_a_batch:.0f} to {large.jobs_a_batch:.0f} jobs a batch, each job more adds "
        f"**{trips_a_job(large, small):.4f}** EXEC + EVALSHA, and {commands_a_job(large, small):.3f} commands of any "
        "kind (those inside scripts included)."
    )


def _toll_row(source: str, toll: Toll, around: Around) -> Sequence[str]:
    return (
        source,
        f"{toll.jobs}",
        f"{toll.batches}",
        f"{toll.jobs_a_batch:.1f}",
        f"{toll.batches_a_second:.0f}",
        f"{toll.exec}",
        f"{toll.evalsha}",
        f"{toll.admit}",
        f"{toll.trips_a_batch:.2f}",
        f"{toll.batcher_trips_a_batch:.2f}",
        f"{toll.commands_a_batch:.0f}",
        *around.cells,
    )


def _latency(report: Report) -> Iterable[str]:
    rows = [
        (
            row.what,
            f"{row.requests}",
            *(f"{value:.2f}" for value in (row.latency.p50, row.latency.p90, row.latency.p99, row.latency.max)),
            *row.around.cells,
        )
        for row in report.lone
    ]
    yield "**A lone client** (one connection, the next request when the last is answered; the model takes 10 ms)"
    yield ""
    yield from table(f"server|requests|p50 ms|p90 ms|p99 ms|max ms|{AROUND}", rows)
