"""Stretches of load as they could have been measured."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.lib.summary import Spread, Summary
from benchmarks.load.stretch import Stretch


def stretch(
    per_second: float = 100.0,
    p50: float | None = 10.0,
    *,
    jobs: float = 4.0,
    cpu: Mapping[str, float] | None = None,
    answered: float = 1.0,
    others: float = 0.0,
    limit: str = "",
) -> Stretch:
    """A p99 is twice the p50; None for no answer at all."""
    latency = None if p50 is None else Spread(p50=p50, p90=p50, p99=2 * p50, p999=2 * p50, max=2 * p50)
    summary = Summary(
        due=100,
        answered=int(100 * answered),
        answered_share=answered,
        per_second=per_second,
        statuses={},
        latency=latency,
        lateness=None,
        unsent_share=0.0,
        batch_size=jobs,
        client_limit=limit,
        stages={},
    )
    return Stretch(summary=summary, cpu=cpu or {"front end": 200.0}, commands=5.0, others=others)
