"""What a setting would do, predicted from what batches cost: events, one card, no clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from random import Random

from benchmarks.tuning.records import Fit
from broker.messages import Limits

ARRIVALS = 20_000
WARM_UP = 1_000  # first arrivals that do not count: they met an empty queue
ROUNDS = 9  # of bisection: the rate is then known to 0.2 % of the card's capacity


def capacity(fit: Fit, limits: Limits) -> float:
    """Jobs a second when every batch is full."""
    return limits.max_batch_size / _cost(fit, limits.max_batch_size)


def latencies(fit: Fit, limits: Limits, rate: float, *, arrivals: int = ARRIVALS, seed: int = 0) -> list[float]:
    """Seconds of each job, in the order they came; the same again for the same seed. Tokens are not looked at."""
    random = Random(seed)
    came = list(accumulate(random.expovariate(rate) for _ in range(arrivals)))
    took: list[float] = []
    free = 0.0
    while len(took) < arrivals:
        first = len(took)
        start = max(free, _closes(came, first, limits))
        last = bisect_right(came, start, first, min(first + limits.max_batch_size, arrivals))
        free = start + _cost(fit, last - first)
        took.extend(free + fit.overhead - at for at in came[first:last])
    return took


def p99(fit: Fit, limits: Limits, rate: float) -> float:
    """Seconds within which 99 % are answered, after the warm-up."""
    counted = sorted(latencies(fit, limits, rate)[WARM_UP:])
    return counted[int(0.99 * (len(counted) - 1))]


def highest_rate(fit: Fit, limits: Limits, slo: float) -> float:
    """The highest rate whose predicted p99 is within `slo` seconds; 0 where none is."""
    low, high = 0.0, capacity(fit, limits)
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        low, high = (middle, high) if p99(fit, limits, middle) <= slo else (low, middle)
    return low


def _cost(fit: Fit, jobs: int) -> float:
    return fit.fixed + fit.per_job * jobs


def _closes(came: Sequence[float], first: int, limits: Limits) -> float:
    """When the window closes that the job `first` opened: full or over. Adaptive has none."""
    if limits.policy == "adaptive":
        return came[first]
    over, full = came[first] + limits.max_wait, first + limits.max_batch_size - 1
    return min(over, came[full]) if full < len(came) else over
