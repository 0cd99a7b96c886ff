"""How many of those who were answered come back, and how soon: learned from each trip that told outcomes. Pure.

A round begins with such a trip and ends with the next. What is learned is how many jobs have come so long after it, as
a line through the numbers that were answered: in a loop of waiting callers as many come as were answered, on an open
road as many as come anyway. Of first jobs that find the card idle it is learned in the same way how many follow them:
a round begins with one and ends with the next.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

from batcher.policy.decayed_regression import DecayedRegression

# Seconds after an answer; admissions are stamped in whole milliseconds.
EDGES = tuple(ms / 1000 for ms in (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 28, 40, 55, 75, 100, 130))
MEMORY = 0.96  # weight that a round keeps when the next one comes: about the last 25 count
NOBODY = 1.0  # weight of a round in which nobody was answered and nobody came, that is never forgotten
ROUNDS = 8  # of which jobs may still wait


@dataclass(slots=True, kw_only=True)
class Round:
    """What came after one answer and before the next."""

    jobs: int  # that were answered
    at: float
    ends: float = float("inf")
    came: list[int] = field(default_factory=lambda: [0] * len(EDGES))  # between each edge and the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Jobs that have come by each edge, if all goes as it did, and by how many that is off, as a standard deviation."""

    came: Sequence[float]
    noise: Sequence[float]

    @property
    def all(self) -> float:
        return self.came[-1]

    def by(self, seconds: float) -> float:
        """Jobs that have come so long after the answer."""
        index = min(bisect_right(EDGES, seconds) - 1, len(EDGES) - 2)
        share = min(1.0, (seconds - EDGES[index]) / (EDGES[index + 1] - EDGES[index]))
        return self.came[index] + share * (self.came[index + 1] - self.came[index])

    def when(self, jobs: float) -> float:
        """Seconds after which so many have come; the last edge for more than there are."""
        index = bisect_left(self.came, jobs)
        if not 0 < index < len(EDGES):
            return EDGES[min(index, len(EDGES) - 1)]
        low, high = self.came[index - 1], self.came[index]
        return EDGES[index - 1] + (EDGES[index] - EDGES[index - 1]) * (jobs - low) / (high - low)


class Returns:
    """Times are seconds of one clock; jobs that others claim are not seen."""

    def __init__(self) -> None:
        self._lines = [DecayedRegression(memory=MEMORY) for _ in EDGES[1:]]
        self._fits = [(0.0, 0.0)] * len(self._lines)  # of each line: where it starts, and what each job answered adds
        self._off = [0.0] * len(self._lines)  # squares of how far the curve was off by then
        self._rounds: deque[Round] = deque(maxlen=ROUNDS)
        self._jobs = self._seconds = 0.0  # of the rounds lately

    def answered(self, jobs: int, now: float) -> float:
        """So many jobs were told their outcomes; returns the seconds since that happened last, 0.0 the first time."""
        length = 0.0
        if self._rounds:
            last = self._rounds[-1]
            last.ends, length = now, now - last.at
            self._jobs, self._seconds = MEMORY * self._jobs + jobs, MEMORY * self._seconds + length
        self._rounds.append(Round(jobs=jobs, at=now))
        return length

    def claimed(self, came: Sequence[float], now: float, *, are_all: bool) -> None:
        """Jobs came at these times; `are_all`: none is left that came before `now`."""
        times = sorted(came)
        for one in self._rounds:
            low = bisect_left(times, one.at)
            if low < len(times):
                self._count(one, times[low : bisect_left(times, one.ends)])
        seen = now if are_all or not times else times[-1]
        while len(self._rounds) > 1 and self._rounds[0].ends <= seen:
            self._learn(self._rounds.popleft())

    @property
    def rate(self) -> float:
        """Jobs a second, lately."""
        return self._jobs / self._seconds if self._seconds else 0.0

    @property
    def last(self) -> Round | None:
        """That which has not ended."""
        return self._rounds[-1] if self._rounds else None

    def after(self, jobs: int) -> Curve:
        """What to expect when so many are answered."""
        came, by_now = [0.0], 0.0
        for start, each in self._fits:
            if (more := start + each * jobs) > 0.0:
                by_now += more
            came.append(by_now)
        return Curve(came=came, noise=[0.0, *map(sqrt, self._off)])

    def share(self, seconds: float) -> float:
        """By how many more come within this when one more is answered."""
        return sum(each for _, each in self._fits[: bisect_right(EDGES, seconds) - 1])

    def _count(self, one: Round, times: Sequence[float]) -> None:
        for at in times:
            one.came[bisect_right(EDGES, at - one.at) - 1] += 1

    def _learn(self, one: Round) -> None:
        """By each edge that it reached; what came later belongs to the next."""
        off = 0.0
        for index, count in enumerate(one.came[: bisect_right(EDGES, one.ends - one.at) - 1]):
            start, each = self._fits[index]
            off += count - max(0.0, start + each * one.jobs)
            self._off[index] += (1 - MEMORY) * (off**2 - self._off[index])
            self._lines[index].observe(one.jobs, count)
            self._fits[index] = _fit(self._lines[index])


def _fit(line: DecayedRegression) -> tuple[float, float]:
    weight = line.weight + NOBODY
    mean_x, mean_y = line.x / weight, line.y / weight
    variance = line.xx / weight - mean_x * mean_x
    slope = (line.xy / weight - mean_x * mean_y) / variance if variance > 1e-9 else 0.0
    return mean_y - slope * mean_x, slope
