"""Points as a sweep would have measured them, and directories that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.lib.summary import Spread, Summary
from benchmarks.tuning.records import Choice, Fit, Offered, Point, Recommendation, Run, RunDirectory, Window
from broker.messages import Limits

RUN = Run(command="sweep", model="m@1", workload={"text": "<b>"}, machine={"cores": "2"}, started="now", slo_p99=0.1)
SECONDS = 10.0
STAGES = {"queue": 5.0, "window": 0.0, "compute": 20.0, "return": 1.0}


def point(rate: float, p99: float, *, size: int = 64, wait: float | None = None, spread: float = 0.0) -> Point:
    """Eight clients, so many answers a second, and that p99 in milliseconds."""
    limits = Limits(max_batch_size=size, max_wait=wait or 0.0, policy="adaptive" if wait is None else "fixed")
    latency = Spread(p50=p99 / 2, p90=p99, p99=p99, p999=p99, max=p99)
    summary = Summary(
        due=100,
        answered=100,
        answered_share=1.0,
        per_second=rate,
        statuses={"200": 100},
        latency=latency,
        lateness=latency,
        unsent_share=0.0,
        batch_size=3.0,
        stages={},
    )
    rates = (rate * (1 - spread / 2), rate, rate * (1 + spread / 2))
    windows = [Window(per_second=one, p99=p99, answered_share=1.0) for one in rates]
    return Point(limits=limits, offered=Offered(concurrency=8), windows=windows, summary=summary, is_stable=True)


def at(rate: float, good: float, *, came: float | None = None, size: int = 64, wait: float | None = None) -> Point:
    """So many requests a second, of which as many as `came` really came and `good` were answered within the SLO."""
    due = came or rate
    made = point(min(due, max(good, due / 2)), 20.0 if good > 0.9 * due else 900.0, size=size, wait=wait)
    sizes = {"1": 25, "2": 25, "3": 50}
    known = {
        "goodput": good,
        "within_slo": good / due,
        "due": round(due * SECONDS),
        "seconds": SECONDS,
        "batch_sizes": sizes,
        "stages": STAGES,
    }
    return replace(made, offered=Offered(rate=rate), summary=replace(made.summary, **known))


def curve(*pairs: tuple[float, float], size: int = 64, wait: float | None = None) -> list[Point]:
    """Rates, and what was answered within the SLO of each."""
    return [at(rate, good, size=size, wait=wait) for rate, good in pairs]


def recommended(
    best: Limits, rate: float, runner_up: Limits | None = None, *, doubts: Sequence[str] = ()
) -> Recommendation:
    """As tune writes it."""
    fit = Fit(fixed=0.02, per_job=0.0005, error=0.03)
    second = Choice(limits=runner_up, rate=rate / 2, fails_at=None, predicted=None) if runner_up else None
    return Recommendation(
        slo_p99=0.1,
        rate=None,
        best=Choice(limits=best, rate=rate, fails_at=rate * 1.1, predicted=rate * 1.05),
        runner_up=second,
        verdict="leave adaptive",
        fit=fit,
        doubts=doubts,
    )


def silent(one: Point) -> Point:
    """The same without an answer."""
    return replace(one, summary=replace(one.summary, answered=0, per_second=0.0, latency=None))


def run_in(path: Path, *points: Point, run: Run = RUN, recommendation: Recommendation | None = None) -> str:
    """A directory with all of these."""
    directory = RunDirectory(path)
    directory.write(run)
    for one in points:
        directory.add(one)
    if recommendation:
        directory.recommend(recommendation)
    return str(path)
