"""What a setting would do, predicted from what batches cost: events, one card, no clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from random import Random

from benchmarks.tuning.records import Fit
from broker.messages import Limits

ARRIVALS = 20_000
WARM_UP = 1_000  # first arrivals that do not count: they met an empty queue
ROUNDS = 9  # of bisection: the rate is then known to 0.2 % of the card's capacity


def capacity(fit: Fit, limits: Limits) -> float:
    """Jobs a second when every batch is full."""
    full = room(fit, limits)
    return full / cost(fit, full)


def room(fit: Fit, limits: Limits) -> int:
    """Jobs of average length that a batch may hold."""
    tokens = int(limits.max_batch_tokens / fit.tokens) if fit.tokens else limits.max_batch_size
    return max(1, min(limits.max_batch_size, tokens))


def cost(fit: Fit, jobs: int) -> float:
    """Seconds that a batch of so many jobs of average length takes."""
    return fit.fixed + (fit.per_job + fit.per_token * fit.tokens) * jobs


def of_requests(fit: Fit, records: int) -> Fit:
    """The fit for one who counts requests of so many records, not jobs; sizes are to be divided likewise."""
    return replace(fit, per_job=fit.per_job * records, tokens=fit.tokens * records)


def latencies(fit: Fit, limits: Limits, rate: float, *, arrivals: int = ARRIVALS, seed: int = 0) -> list[float]:
    """Seconds of each job, in the order they came; the same again for the same seed."""
    random = Random(seed)
    came = list(accumulate(random.expovariate(rate) for _ in range(arrivals)))
    took: list[float] = []
    free, full = 0.0, room(fit, limits)
    while len(took) < arrivals:
        first = len(took)
        start = max(free, _closes(came, first, full, limits))
        last = bisect_right(came, start, first, min(first + full, arrivals))
        free = start + cost(fit, last - first)
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


def _closes(came: Sequence[float], first: int, full: int, limits: Limits) -> float:
    """When the window closes that the job `first` opened: full or over. Adaptive has none."""
    if limits.policy == "adaptive":
        return came[first]
    over, last = came[first] + limits.max_wait, first + full - 1
    return min(over, came[last]) if last < len(came) else over
