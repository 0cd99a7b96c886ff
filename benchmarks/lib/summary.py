"""What a run of calls comes to. Pure: percentiles are exact, and shares are of what should have been sent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from benchmarks.lib.loops import UNSENT, Call

ANSWERED = "200"
STAGE = re.compile(rb"(queue|window|compute|return);dur=([\d.]+)")  # milliseconds
LATE_SHARE = 0.1  # of the median latency: a client that is later than this measures itself
BUSY = 0.9  # of a core: a client that needs as much cannot send faster
BATCH = re.compile(rb'batch;desc="(\d+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a duration was distributed, ms."""

    p50: float
    p90: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The measured part of a run: calls that were due in it. Durations in ms."""

    due: int  # requests that should have been sent
    seconds: float = 0.0  # in which they were due; 0.0 in records from before this was kept
    answered: int
    answered_share: float
    per_second: float  # answers that came within the measured time
    statuses: Mapping[str, int]
    latency: Spread | None  # of the answered, from when they were due; None where nothing was
    lateness: Spread | None  # of the client itself: sent − due
    unsent_share: float
    goodput: float | None = None  # answers a second that came in time and within the SLO; None without one
    within_slo: float | None = None  # share of what was due that was answered within the SLO; None without one
    batch_size: float | None  # mean, as requests met it; None where no server tells
    batch_sizes: Mapping[str, int] = field(default_factory=dict)  # how many requests met a batch of so many jobs
    client_limit: str = ""  # why the client and not the server was measured; "" where that is not so
    stages: Mapping[str, float]  # mean of queue, window, compute, return


def summarise(
    calls: Sequence[Call], warm_up: float, duration: float, slo: float | None = None, busy: float = 0.0
) -> Summary:
    """Of the calls that were due within `duration` seconds after the `warm_up`; `slo` is seconds, for the goodput;
    `busy` is what the client used of a core."""
    until = warm_up + duration
    measured = [call for call in calls if warm_up <= call.due < until]
    answered = [call for call in measured if call.outcome == ANSWERED]
    sent = [call for call in measured if call.outcome != UNSENT]
    in_time = [call for call in calls if call.outcome == ANSWERED and warm_up <= call.ended < until]
    latency, lateness = spread(call.took for call in answered), spread(call.late for call in sent)
    sizes = [size for call in answered for size in _batch_sizes(call.timing)]
    return Summary(
        due=len(measured),
        seconds=duration,
        answered=len(answered),
        answered_share=_share(len(answered), len(measured)),
        per_second=len(in_time) / duration,
        statuses=dict(Counter(call.outcome for call in measured).most_common()),
        latency=latency,
        lateness=lateness,
        unsent_share=_share(len(measured) - len(sent), len(measured)),
        goodput=None if slo is None else sum(call.took <= slo for call in in_time) / duration,
        within_slo=None if slo is None else _share(sum(call.took <= slo for call in answered), len(measured)),
        batch_size=mean(sizes),
        batch_sizes={str(size): count for size, count in sorted(Counter(sizes).items())},
        client_limit=client_limit(latency, lateness, len(measured) - len(sent), busy),
        stages=stage_means(call.timing for call in answered),
    )


def client_limit(latency: Spread | None, lateness: Spread | None, unsent: int, busy: float) -> str:
    """Why the client was measured and not the server, in words; "" where it was not."""
    if unsent:
        return f"{unsent} request(s) were never sent: as many as the client may have under way were under way"
    if latency and lateness and lateness.p99 > LATE_SHARE * latency.p50:
        return f"it sent up to {lateness.p99:.2f} ms late (p99), beside a median latency of {latency.p50:.2f} ms"
    if busy > BUSY:
        return f"it used {busy:.2f} of a core itself: --processes shares its work out"
    return ""


def spread(seconds: Iterable[float]) -> Spread | None:
    """Percentiles of these durations; None of none."""
    ordered = sorted(value * 1000 for value in seconds)
    if not ordered:
        return None
    p50, p90, p99, p999 = (percentile(ordered, share) for share in (0.5, 0.9, 0.99, 0.999))
    return Spread(p50=p50, p90=p90, p99=p99, p999=p999, max=ordered[-1])


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed. Nothing is interpolated."""
    return ordered[max(0, ceil(round(share * len(ordered), 9)) - 1)]


def stage_means(timings: Iterable[bytes]) -> dict[str, float]:
    """Mean milliseconds by stage, of what `Server-Timing` headers say."""
    found: dict[str, list[float]] = {}
    for timing in timings:
        for name, value in STAGE.findall(timing):
            found.setdefault(name.decode(), []).append(float(value))
    return {name: sum(values) / len(values) for name, values in found.items()}


def mean(values: Iterable[float]) -> float | None:
    """None of none."""
    held = list(values)
    return sum(held) / len(held) if held else None


def _batch_sizes(timing: bytes) -> list[int]:
    return [int(size) for size in BATCH.findall(timing)]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def text(summary: Summary) -> str:
    """The summary for people."""
    statuses = ", ".join(f"{outcome}: {count}" for outcome, count in summary.statuses.items())
    lines = [
        ("requests/s", f"{summary.per_second:.1f} answered within the measured time"),
        ("answered", f"{_floored(summary.answered_share)} % of {summary.due}"),
        ("outcomes", statuses or "none"),
        ("latency ms", _shown(summary.latency)),
        ("client late ms", f"{_shown(summary.lateness)}   unsent {summary.unsent_share:.2%}"),
        ("batch", "-" if summary.batch_size is None else f"{summary.batch_size:.1f} jobs, mean as requests met it"),
        ("stages ms", "   ".join(f"{name} {value:.2f}" for name, value in summary.stages.items()) or "-"),
    ]
    if summary.goodput is not None:
        lines.insert(1, ("goodput/s", f"{summary.goodput:.1f} answered in that time and within the SLO"))
    if summary.batch_sizes:
        lines.append(("batch sizes", "   ".join(f"{size}: {count}" for size, count in summary.batch_sizes.items())))
    if summary.client_limit:
        lines.append(("CLIENT LIMIT", summary.client_limit))
    return "\n".join(f"{name:<15}{value}" for name, value in lines)


def _shown(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    shares = f"p50 {spread.p50:.2f}   p90 {spread.p90:.2f}   p99 {spread.p99:.2f}   p99.9 {spread.p999:.2f}"
    return f"{shares}   max {spread.max:.2f}"


def _floored(share: float) -> str:
    """Percent, rounded down: 100 means every one."""
    return f"{int(share * 10_000) / 100:g}"
