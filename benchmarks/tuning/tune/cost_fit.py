"""What a batch costs, from a few real ones: a + b · n. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.tuning.records import Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch as a request met it that waited for nobody."""

    jobs: int
    compute: float  # seconds in the engine
    elapsed: float  # seconds until the client had its answer


def fit(batches: Sequence[Batch], tokens: float = 0.0) -> Fit:
    """The line through the medians of each size, by relative squares: one job counts as much as a hundred.

    Neither part is below zero. Of one size alone the whole is taken to be fixed. With `tokens` a job on average the
    share of each job is told by token, so that longer texts can be reckoned with. Raises `ValueError` for no batch.
    """
    if not batches:
        raise ValueError("no batch to fit a cost to")
    middle = list(medians(batches).items())
    fixed, per_job = _line(middle)
    errors = [abs(fixed + per_job * jobs - seconds) / seconds for jobs, seconds in middle if seconds]
    return Fit(
        fixed=fixed,
        per_job=0.0 if tokens else per_job,
        per_token=per_job / tokens if tokens else 0.0,
        overhead=max(0.0, median(batch.elapsed - batch.compute for batch in batches)),
        error=sum(errors) / len(errors) if errors else 0.0,
        tokens=tokens,
    )


def medians(batches: Sequence[Batch]) -> dict[int, float]:
    """Seconds by size."""
    sizes = sorted({batch.jobs for batch in batches})
    return {size: median(batch.compute for batch in batches if batch.jobs == size) for size in sizes}


def drift(before: Sequence[Batch], after: Sequence[Batch]) -> float:
    """By how much batches of the same sizes cost more (less, below 0) than before, in the middle of all sizes."""
    first, second = medians(before), medians(after)
    return median([second[size] / first[size] - 1 for size in first if first[size] and size in second] or [0.0])


def _line(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Fixed and slope, at least zero each; weights are one over the seconds squared."""
    weights = [1 / max(seconds, 1e-6) ** 2 for _, seconds in points]
    total = sum(weights)
    x = sum(weight * jobs for weight, (jobs, _) in zip(weights, points, strict=True)) / total
    y = sum(weight * seconds for weight, (_, seconds) in zip(weights, points, strict=True)) / total
    spread = sum(weight * (jobs - x) ** 2 for weight, (jobs, _) in zip(weights, points, strict=True))
    both = sum(weight * (jobs - x) * (sec - y) for weight, (jobs, sec) in zip(weights, points, strict=True))
    slope = min(max(both / spread if spread else 0.0, 0.0), y / x)
    return y - slope * x, slope
