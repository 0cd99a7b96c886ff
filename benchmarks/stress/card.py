"""What one card could do at best, where a batch of n jobs takes it a + b·n. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

TOLD_APART = 1e-9  # seconds; sums of floats in another order differ by less
Ending = tuple[float, float]  # when the card is free, and the sum of when the requests so far were answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One batch after the other."""

    fixed: float  # seconds of a batch
    per_job: float  # seconds more for each job in it
    largest: int  # jobs in a batch

    @property
    def spec(self) -> str:
        """The model of Jitney that costs as much."""
        return f"synthetic:{self.fixed * 1000:g}ms+{self.per_job * 1000:g}ms"

    def seconds(self, jobs: int) -> float:
        return self.fixed + self.per_job * jobs


def least_mean(card: Card, dues: Sequence[float], records: int) -> float:
    """The least mean seconds of a request, over every schedule there is; `dues` in order, `records` jobs in each.

    Fill the places of any schedule with the jobs in the order they came: all are there in time, and when k requests
    had been answered, k · `records` jobs were done, so k are answered now. Hence batches are runs of jobs in order of
    arrival. What was done matters to the rest only by when the card is free: an ending that is later and dearer than
    another is dropped.
    """
    jobs = len(dues) * records
    endings: list[list[Ending]] = [[] for _ in range(jobs + 1)]  # by how many jobs are done
    endings[0] = [(0.0, 0.0)]
    for done in range(jobs):
        best, endings[done] = _undominated(endings[done]), []
        for after in range(done + 1, min(done + card.largest, jobs) + 1):
            arrived, took = dues[(after - 1) // records], card.seconds(after - done)
            answered = after // records - done // records
            ends = [(max(free, arrived) + took, total) for free, total in best]
            endings[after] += [(end, total + answered * end) for end, total in ends]
    return (min(total for _, total in endings[jobs]) - sum(dues)) / len(dues)


def _undominated(endings: list[Ending]) -> list[Ending]:
    kept, least = [], inf
    for free, total in sorted(endings):
        if total < least - TOLD_APART:
            kept.append((free, total))
            least = total
    return kept
