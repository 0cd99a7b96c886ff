"""What the batches did to the interactive requests, as a table. Pure."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.batches.contract import RECORDS, Bursts, Ground, Run, Way
from benchmarks.lib.loops import Call
from benchmarks.lib.markdown import table
from benchmarks.lib.summary import ANSWERED, spread, stage_means

COLUMNS = (
    "three batches|interactive p50, ms|p90|p99|p99 by round|of the mean: queue|compute|answered"
    "|the batches' records/s|in bursts|between them|refused|others"
)
EVERY = 0.25  # seconds between two points of the staircase that is kept


def markdown(ground: Ground, bursts: Bursts, runs: Sequence[Run]) -> Iterator[str]:
    """A row a way."""
    dense = f"{2 * ground.rate:g} requests/s in bursts of {bursts.on:g} s, {bursts.on:g} s apart"
    yield f"**{ground.spec}**: {dense}; each batch {ground.in_flight} lines of {RECORDS} records under way"
    yield ""
    yield from table(COLUMNS, (_row(way, bursts, [run for run in runs if run.way is way]) for way in Way))


def kept(ground: Ground, bursts: Bursts, runs: Sequence[Run]) -> dict[str, Any]:
    """The same for JSON, with the staircases."""
    return {"ground": asdict(ground), "bursts": asdict(bursts), "runs": [_kept(bursts, run) for run in runs]}


def latencies(bursts: Bursts, runs: Iterable[Run]) -> list[float]:
    """Seconds of the interactive requests that were due in the measured time and answered."""
    return [call.took for run in runs for call in _measured(bursts, run) if call.outcome == ANSWERED]


def progress(run: Run, at: float) -> float:
    """Records of the batches that had left the card by then: all but the interactive ones. Between two looks it is
    taken to grow evenly."""
    done = _interpolated(run.computed, at) - run.computed[0][1]
    return done - sum(call.ended <= at and call.outcome == ANSWERED for call in run.calls)


def rates(bursts: Bursts, run: Run) -> tuple[float, float, float]:
    """Records of all batches a second: in the measured time, in its bursts, between them."""
    ons = [(begin, begin + bursts.on) for begin in bursts.begins if bursts.is_measured(begin)]
    whole = progress(run, bursts.seconds) - progress(run, bursts.warm_up)
    on, half = sum(progress(run, end) - progress(run, begin) for begin, end in ons), bursts.duration / 2
    return whole / bursts.duration, on / half, (whole - on) / half


def _interpolated(points: Sequence[tuple[float, int]], at: float) -> float:
    after = bisect(points, at, key=lambda point: point[0])
    if not 0 < after < len(points):
        return points[min(after, len(points) - 1)][1]
    (begin, low), (end, high) = points[after - 1], points[after]
    return low + (high - low) * (at - begin) / (end - begin)


def _measured(bursts: Bursts, run: Run) -> list[Call]:
    return [call for call in run.calls if bursts.is_measured(call.due)]


def _row(way: Way, bursts: Bursts, runs: Sequence[Run]) -> list[str]:
    calls = [call for run in runs for call in _measured(bursts, run)]
    took = latencies(bursts, runs)
    found, by_round = spread(took), [spread(latencies(bursts, [run])) for run in runs]
    shown = [f"{value:.0f}" for value in (found.p50, found.p90, found.p99)] if found else ["–"] * 3
    rounds = ", ".join(f"{one.p99:.0f}" for one in by_round if one)
    means = [sum(one) / len(runs) for one in zip(*(rates(bursts, run) for run in runs), strict=True)]
    carried = [f"{mean:.0f}" if way is not Way.ALONE else "–" for mean in means]
    stages = stage_means(call.timing for call in calls)
    shown += [rounds, *(f"{stages.get(name, 0.0):.0f}" for name in ("queue", "compute"))]
    refused, others = sum(run.refused for run in runs), max(run.others for run in runs)
    return [way, *shown, f"{len(took)} of {len(calls)}", *carried, f"{refused}", f"{others:.2f}"]


def _kept(bursts: Bursts, run: Run) -> dict[str, Any]:
    found, points = spread(latencies(bursts, [run])), range(round(bursts.seconds / EVERY) + 1)
    whole, on, off = rates(bursts, run)
    return {
        "way": run.way,
        "latency_ms": found and asdict(found),
        "due": len(_measured(bursts, run)),
        "records_per_second": {"all": whole, "in_bursts": on, "between": off},
        "refused": run.refused,
        "others": run.others,
        "staircase": [round(progress(run, point * EVERY)) for point in points],
    }
