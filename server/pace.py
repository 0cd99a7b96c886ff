"""How fast a model's batchers are, and so how long a request would wait. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, inf
from statistics import fmean

from broker.messages import Presence

# What the time of batches yet to come is multiplied by. Speeds are fits of forward passes alone, others will join the
# last batch, and a request that was taken should meet its deadline.
CAUTION = 4 / 3
SHORTEST = 1e-6  # seconds of a batch: less was not measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """All batchers of a model together: of n jobs each takes its part, in batches of `fixed + per_job * n` seconds."""

    fixed: float = 0.0  # seconds that each batch costs
    per_job: float = 0.0  # seconds that each job costs besides, with all batchers at work
    room: int = 0  # jobs that all batchers take at once; zero while none knows its speed

    @classmethod
    def of(cls, batchers: Sequence[Presence]) -> Pace:
        """A batcher that has not measured itself yet counts as fast as the others are on average."""
        takers = [one for one in batchers if one.room]
        speeds = [one.speed for one in takers if SHORTEST <= one.speed.fixed + one.speed.per_job * one.room < inf]
        if not speeds:
            return UNKNOWN
        return cls(
            fixed=fmean(speed.fixed for speed in speeds),
            per_job=fmean(speed.per_job for speed in speeds) / len(takers),
            room=sum(one.room for one in takers),
        )

    def seconds_for(self, jobs: int) -> float | None:
        """How long they take for so many jobs; None while nobody knows."""
        return self.fixed * ceil(jobs / self.room) + self.per_job * jobs if self.room else None

    def expected(self, jobs: int) -> float:
        """Seconds until the last of so many jobs is answered, those under way included: the batch under way has its
        fixed time as well."""
        return self.fixed + CAUTION * (self.seconds_for(jobs) or 0.0)

    def most_ahead(self, time_left: float, jobs: int) -> int | None:
        """Jobs that may be before a request of so many and still let it end in time; None while nobody knows."""
        if not self.room:
            return None
        budget = (time_left - self.fixed) / CAUTION
        full = self.fixed + self.per_job * self.room
        batches = max(0, floor(budget / full))
        rest = budget - batches * full - self.fixed  # for a last batch that is not full
        more = min(self.room, floor(rest / self.per_job) if self.per_job else self.room) if rest > 0.0 else 0
        return batches * self.room + more - jobs


UNKNOWN = Pace()
