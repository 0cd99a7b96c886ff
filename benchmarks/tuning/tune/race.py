"""Which setting carries most: one is measured out, the others need only show that they beat it. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from benchmarks.tuning.records import Choice
from benchmarks.tuning.tune.search import Found, highest
from broker.messages import Limits

MARGIN = 1.05  # a later candidate is taken for the better one only if it carries so much more: simpler ones come first
AS_SOON = 0.9  # and at a given rate only if its p99 is so much lower
FEW = 8  # tests for the runner-up
UNKNOWN = 10.0  # requests a second to begin with where nothing was predicted


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a setting did at a rate."""

    kept: bool  # its p99 was within the SLO, everything counted
    p99: float | None  # ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A setting, and the highest rate that the fit says of it; None without a fit."""

    limits: Limits
    predicted: float | None = None


Test = Callable[[Limits, float], Awaitable[Verdict]]


class Race:
    """For the highest rate. Candidates come one after the other, the simplest first."""

    def __init__(self, test: Test, *, is_exhaustive: bool = False) -> None:
        self._test, self._is_exhaustive = test, is_exhaustive
        self.best: Choice | None = None
        self.others: list[Choice] = []

    async def run(self, candidates: Sequence[Candidate]) -> None:
        """Those that were tried before are left out."""
        for candidate in candidates:
            tried = [choice.limits for choice in (self.best, *self.others) if choice]
            if candidate.limits not in tried:
                self._take(await self._tried(candidate))

    async def runner_up(self) -> Choice | None:
        """The second best, measured out; None where there was one candidate. Of those that lost at once, the likeliest
        is looked at again, unless one that was measured out is as likely."""
        likely = max(self.others, key=lambda choice: (choice.predicted or 0.0, choice.rate), default=None)
        if likely is not None and not likely.rate:
            self.others.remove(likely)
            again = Candidate(limits=likely.limits, predicted=likely.predicted)
            self.others.append(await self._measured(again, start=(likely.fails_at or UNKNOWN) / MARGIN**2, most=FEW))
        return max(self.others, key=lambda choice: choice.rate, default=None)

    async def _tried(self, candidate: Candidate) -> Choice:
        bar = self.best.rate * MARGIN if self.best and not self._is_exhaustive else 0.0
        if bar and not (await self._test(candidate.limits, bar)).kept:
            return Choice(limits=candidate.limits, rate=0.0, fails_at=bar, predicted=candidate.predicted)
        return await self._measured(candidate, start=max(candidate.predicted or UNKNOWN, bar * MARGIN), kept=bar)

    async def _measured(self, candidate: Candidate, start: float, kept: float = 0.0, most: int = 16) -> Choice:
        async def keeps(rate: float) -> bool:
            return (await self._test(candidate.limits, rate)).kept

        found = await highest(keeps, start, kept=kept, most=most)
        predicted, doubts = candidate.predicted, _doubts(found)
        return Choice(
            limits=candidate.limits, rate=found.rate, fails_at=found.fails_at, predicted=predicted, doubts=doubts
        )

    def _take(self, choice: Choice) -> None:
        if self.best is None or choice.rate >= self.best.rate * MARGIN:
            self.best, choice = choice, self.best or choice
        if choice is not self.best:
            self.others.append(choice)


async def soonest(test: Test, candidates: Sequence[Candidate], rate: float) -> list[Choice]:
    """Those that keep the SLO at this rate, the lowest p99 first; the simplest of those that are nearly as low."""
    kept: list[Choice] = []
    for candidate in candidates:
        verdict = await test(candidate.limits, rate)
        if verdict.kept:
            p99 = verdict.p99
            kept.append(
                Choice(limits=candidate.limits, rate=rate, fails_at=None, predicted=candidate.predicted, p99=p99)
            )
    lowest = min((choice.p99 or 0.0 for choice in kept), default=0.0)
    first = next((choice for choice in kept if (choice.p99 or 0.0) * AS_SOON <= lowest), None)
    return sorted(kept, key=lambda choice: (choice is not first, choice.p99 or 0.0))


def _doubts(found: Found) -> list[str]:
    if found.is_settled or not (found.rate or found.contradictions):
        return []
    again = f"; {found.contradictions} test(s) came out otherwise when made again" if found.contradictions else ""
    return [f"no rate that fails close above one that holds was found, each tested twice{again}"]
