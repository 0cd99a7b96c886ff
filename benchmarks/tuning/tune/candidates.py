"""Which settings are worth trying, and in which order: the simplest first, no more than time allows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.tuning.records import Fit
from benchmarks.tuning.tune.race import Candidate
from benchmarks.tuning.tune.simulation import highest_rate, of_requests, p99
from broker.messages import Limits

LIKELY = 0.85  # of the best prediction: a fit is not to be believed more exactly than that
FINER = (0.7, 1.4)  # times the size of the best; its window is halved and doubled


def in_order(tried: Sequence[Limits], current: Limits) -> list[Limits]:
    """Those of now first, for nothing need be changed; then adaptive, which has a number less, then fixed."""
    others = [limits for limits in tried if not are_alike(limits, current)]
    return [current, *sorted(others, key=lambda limits: limits.policy != "adaptive")]


def are_alike(one: Limits, other: Limits) -> bool:
    """Whether they batch alike: a window counts under `fixed` only."""
    knobs = [(limits.policy, limits.max_batch_size, limits.max_batch_tokens) for limits in (one, other)]
    return knobs[0] == knobs[1] and (one.policy != "fixed" or one.max_wait == other.max_wait)


def predicted(tried: Sequence[Limits], fit: Fit, slo: float, records: int = 1) -> list[Candidate]:
    """With the highest rate of requests, of so many records each, that the fit says of them."""
    ours = of_requests(fit, records)
    return [Candidate(limits=limits, predicted=highest_rate(ours, _sized(limits, records), slo)) for limits in tried]


def shortlist(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """The first, and of the others those that are likely, evenly thinned out to `most` in all."""
    first, rest = candidates[:1], candidates[1:]
    bar = LIKELY * max((one.predicted or 0.0 for one in candidates), default=0.0)
    likely = [one for one in rest if (one.predicted or 0.0) >= bar]
    best = sorted(likely, key=lambda one: -(one.predicted or 0.0))[: most // 2]
    others = [one for one in likely if one not in best]
    step = max(1, -(-len(others) // max(1, most - 1 - len(best))))
    kept = [*best, *others[::step]]
    return [*first, *(one for one in likely if one in kept)][:most]


def soonest_first(
    candidates: Sequence[Candidate], fit: Fit, rate: float, most: int, records: int = 1
) -> list[Candidate]:
    """The first, and of the others that may carry this rate those with the lowest predicted p99: `most` in all."""
    ours = of_requests(fit, records)
    able = [one for one in candidates[1:] if (one.predicted or 0.0) * (2 - LIKELY) >= rate]
    return [*candidates[:1], *sorted(able, key=lambda one: p99(ours, _sized(one.limits, records), rate))[: most - 1]]


def neighbours(limits: Limits, grid: Sequence[Limits]) -> list[Limits]:
    """A little smaller and larger, in size and, under `fixed`, in the window; not beyond what the grid has of each."""
    sizes = [replace(limits, max_batch_size=round(limits.max_batch_size * factor)) for factor in FINER]
    windows = [replace(limits, max_wait=limits.max_wait * factor) for factor in (0.5, 2.0)]
    tried = [*sizes, *(windows if limits.policy == "fixed" else [])]
    return [one for one in tried if one != limits and _is_within(one, grid)]


def _is_within(limits: Limits, grid: Sequence[Limits]) -> bool:
    sizes = [one.max_batch_size for one in grid]
    waits = [one.max_wait for one in grid if one.policy == "fixed"] or [limits.max_wait]
    is_known = limits.policy != "fixed" or min(waits) <= limits.max_wait <= max(waits)
    return min(sizes) <= limits.max_batch_size <= max(sizes) and is_known


def _sized(limits: Limits, records: int) -> Limits:
    return replace(limits, max_batch_size=max(1, limits.max_batch_size // records))
