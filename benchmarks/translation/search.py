"""The highest rate that still answers in time: where to look next, by what was found so far. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

STRIDE = 1.5  # from rate to rate, until one is met and one is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One run at one rate. Latencies are seconds, of those answered."""

    rate: float  # requests a second that were due
    tokens: float  # of answers a second, in time
    in_time: float  # share of the requests that were answered within the bound
    met: bool
    requests: int
    p50: float | None = None
    p99: float | None = None
    late: float | None = None  # p99 of how late the callers themselves were
    busy: float = 0.0  # cores that the batcher used
    callers_busy: float = 0.0  # cores that the callers used, where the measurement itself runs


def next_rate(probes: Sequence[Probe], start: float) -> float:
    """Upwards while all are met, downwards while none is, then between the best and the next that failed."""
    met = [probe.rate for probe in probes if probe.met]
    failed = [probe.rate for probe in probes if not probe.met]
    if not probes:
        return start
    if not failed:
        return max(met) * STRIDE
    if not met:
        return min(failed) / STRIDE
    return sqrt(max(met) * min(failed))


def best(probes: Sequence[Probe]) -> Probe | None:
    """The met one of the highest rate."""
    return max((probe for probe in probes if probe.met), key=lambda probe: probe.rate, default=None)
