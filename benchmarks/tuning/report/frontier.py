"""Which points nobody beats, and what changed between two runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.tuning.records import Offered, Point
from broker.messages import Limits

NOISE = 0.1  # relative; points are stable when their windows agree as well as that


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One setting under one load in two runs. Ratios are new / old; None where there is nothing to divide."""

    old: Point
    new: Point
    rate: float | None
    p99: float | None

    @property
    def verdict(self) -> str:
        """worse, better, or "" for what noise explains."""
        both = (self.old, self.new)
        gains = [(self.rate, rate_noise(*both)), (1 / self.p99 if self.p99 else None, p99_noise(*both))]
        known = [(gain, noise) for gain, noise in gains if gain is not None]
        if any(gain < 1 - noise for gain, noise in known):
            return "worse"
        return "better" if any(gain > 1 + noise for gain, noise in known) else ""


def p99(point: Point) -> float | None:
    """Milliseconds; None where nothing was answered."""
    return point.summary.latency.p99 if point.summary.latency else None


def frontier(points: Sequence[Point]) -> list[Point]:
    """Those that no other beats in rate and in p99 at once, by rising rate."""
    found: list[Point] = []
    known = [point for point in points if p99(point) is not None]
    for point in sorted(known, key=lambda one: (-one.summary.per_second, p99(one) or 0.0)):
        if not found or (p99(point) or 0.0) < (p99(found[-1]) or 0.0):
            found.append(point)
    return found[::-1]


def changes(old: Sequence[Point], new: Sequence[Point]) -> list[Change]:
    """Points that both runs have, in the order of the new one."""
    before = {_key(point): point for point in old}
    return [_change(before[_key(point)], point) for point in new if _key(point) in before]


def rate_noise(*points: Point) -> float:
    """How far windows of a point lie apart, relative to their mean: the worst of these points, at least `NOISE`."""
    return max([NOISE, *(_scatter([window.per_second for window in point.windows]) for point in points)])


def p99_noise(*points: Point) -> float:
    """The same of their p99: of few requests it says little, and its windows lie far apart."""
    known = ([window.p99 for window in point.windows if window.p99 is not None] for point in points)
    return max([NOISE, *map(_scatter, known)])


def load(offered: Offered) -> str:
    """A load in a few words."""
    if offered.rate is not None:
        return f"{rounded(offered.rate)}/s"
    return "1 client" if offered.concurrency == 1 else f"{offered.concurrency} clients"


def rounded(number: float) -> str:
    """Four digits are enough for anybody who reads a rate: no machine repeats the fifth."""
    return f"{number:.4g}" if number < 1000 else f"{number:.0f}"


def _key(point: Point) -> tuple[Limits, Offered]:
    return point.limits, point.offered


def _change(old: Point, new: Point) -> Change:
    before, after = p99(old), p99(new)
    rate = new.summary.per_second / old.summary.per_second if old.summary.per_second else None
    return Change(old=old, new=new, rate=rate, p99=after / before if before and after is not None else None)


def _scatter(values: Sequence[float]) -> float:
    middle = sum(values) / len(values) if values else 0.0
    return (max(values) - min(values)) / middle if middle else 0.0
