"""The highest rate that a noisy test still passes: steps until it is bracketed, then bisection, then both ends again.

Pure over the test. It is meant for tests that pass up to some rate and fail above it, and that are wrong now and then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf, sqrt

WITHIN = 0.04  # the rates that pass and fail lie no further apart
STEP, FASTER = 1.1, 1.7  # the first step out of the bracket, and how each is larger than the last, as exponents
MOST = 16  # tests: of a search that does not come to an end
NEAR = 0.1  # of the rate: within it chance may decide, for the answer is no more exact; beyond it nothing is known
LEAST = 0.05  # requests a second below which nothing is looked for
Keeps = Callable[[float], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where the limit lies."""

    rate: float  # the highest that passed; 0.0 where none did
    fails_at: float | None  # the lowest that failed; None where none did
    contradictions: int  # tests that came out otherwise when they were made again
    is_settled: bool  # both ends were tested twice and stood, and tests contradicted each other near them only


class _Bracket:
    """Every rate that was tested, as it came out last."""

    def __init__(self) -> None:
        self._kept: dict[float, bool] = {}
        self.contradicted: list[float] = []
        self._step = STEP

    @property
    def high(self) -> float:
        """The lowest that failed."""
        return min((rate for rate, kept in self._kept.items() if not kept), default=inf)

    @property
    def low(self) -> float:
        """The highest that passed below it."""
        return max((rate for rate, kept in self._kept.items() if kept and rate < self.high), default=0.0)

    def learn(self, rate: float, kept: bool) -> bool:
        """True where it had come out otherwise before."""
        is_contradiction = self._kept.get(rate, kept) != kept
        self._kept[rate] = kept
        if is_contradiction:
            self.contradicted.append(rate)
            self._step = STEP
        return is_contradiction

    def is_close(self, within: float) -> bool:
        return self.low > 0.0 and self.high <= self.low * (1 + within)

    def next(self) -> float:
        if self.high < inf and self.low > 0.0:
            return sqrt(self.low * self.high)
        step, self._step = self._step, self._step**FASTER
        return self.low * step if self.low > 0.0 else self.high / step


async def highest(keeps: Keeps, start: float, *, kept: float = 0.0, within: float = WITHIN, most: int = MOST) -> Found:
    """Begin at `start`, a guess: a good one costs two tests. `kept` is a rate that is known to pass, 0.0 for none."""
    bracket = _Bracket()
    if kept:
        bracket.learn(kept, True)
    twice: set[float] = set()  # rates that came out the same when they were tested again
    rate, tests = max(start, LEAST), 0
    while tests < most and rate >= LEAST:
        tests += 1
        is_again = bracket.is_close(within)
        if bracket.learn(rate, await keeps(rate)):
            twice.clear()
        elif is_again:
            twice.add(rate)
        if not bracket.is_close(within):
            rate = bracket.next()
        elif unsure := {bracket.high, bracket.low} - twice:
            rate = max(unsure)
        else:
            return _found(bracket, stood=True)
    return _found(bracket, stood=False)


def _found(bracket: _Bracket, *, stood: bool) -> Found:
    contradicted, rate = bracket.contradicted, bracket.low
    return Found(
        rate=rate,
        fails_at=bracket.high if bracket.high < inf else None,
        contradictions=len(contradicted),
        is_settled=stood and all(abs(one - rate) <= NEAR * rate for one in contradicted),
    )
