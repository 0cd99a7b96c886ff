"""A model with nothing around it: one batch after the other, in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.lib.envelope import TEXT
from benchmarks.lib.models import Forward, forward_of

FEWEST = 5  # batches


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAlone:
    """Batches of so many jobs."""

    jobs: int
    seconds: float  # of a batch, the median

    @property
    def per_second(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds


def measure(spec: str, sizes: Sequence[int], seconds: float) -> list[ModelAlone]:
    """So many seconds for each size. Raises `ValueError` for a spec that names no model of texts."""
    forward = forward_of(spec)
    return [ModelAlone(jobs=jobs, seconds=median(_took(forward, jobs, seconds))) for jobs in sizes]


def _took(forward: Forward, jobs: int, seconds: float) -> list[float]:
    batch, took = [TEXT] * jobs, list[float]()
    give_up = time.perf_counter() + seconds
    while len(took) < FEWEST or time.perf_counter() < give_up:
        started = time.perf_counter()
        forward(batch)
        took.append(time.perf_counter() - started)
    return took
