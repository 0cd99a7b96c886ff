"""How fast a model's batchers are, and so how long a request would wait. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, inf
from statistics import fmean

from broker.messages import Presence, Speed

# What the time of batches yet to come is multiplied by. Speeds are fits of forward passes alone, others will join the
# last batch, and a request that was taken should meet its deadline.
CAUTION = 4 / 3
SHORTEST = 1e-6  # seconds of a batch: less was not measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """All batchers of a model together, as if they were one whose batch of n jobs, at most `room`, takes
    `fixed + per_job * n` seconds."""

    fixed: float = 0.0  # seconds that each batch costs
    per_job: float = 0.0  # seconds that each job costs besides, with all batchers at work
    room: int = 0  # jobs that all batchers take at once; zero while none knows its speed
    batch: int = 0  # jobs that the smallest of them takes

    @classmethod
    def of(cls, batchers: Sequence[Presence]) -> Capacity:
        """Rates add. A slow batcher beside a fast one does few of the jobs, so its times weigh little. One that has not
        measured itself yet counts as the mean of the others."""
        takers = [one for one in batchers if one.room]
        known = [(one.room, one.speed) for one in takers if SHORTEST <= _full(one.room, one.speed) < inf]
        batch = min((one.room for one in takers), default=0)
        if not known:
            return cls(batch=batch)
        typical = _mean(known)
        every = known + [(one.room, typical) for one in takers if (one.room, one.speed) not in known]
        mean, room = _mean(every), sum(one.room for one in takers)
        full = room / sum(room / _full(room, speed) for room, speed in every)
        return cls(fixed=mean.fixed, per_job=max(0.0, full - mean.fixed) / room, room=room, batch=batch)

    @classmethod
    def in_tokens(cls, batchers: Sequence[Presence]) -> Capacity:
        """The same, counted in tokens wherever it says jobs. It is the narrower bound where batches are full by tokens
        before they are by jobs."""
        return cls.of([_in_tokens(one) for one in batchers])

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
        fixed, per_job, room = self.fixed, self.per_job, self.room
        budget, full = (time_left - fixed) / CAUTION, fixed + per_job * room
        batches = floor(budget / full) if budget >= full else 0
        rest = budget - batches * full - fixed  # for a last batch that is not full
        if rest <= 0.0:
            return batches * room - jobs
        return batches * room + (min(room, floor(rest / per_job)) if per_job else room) - jobs


def _full(room: int, speed: Speed) -> float:
    """Seconds that a full batch takes."""
    return speed.fixed + speed.per_job * room


def _in_tokens(one: Presence) -> Presence:
    """A batch that is full of tokens takes as long as one of the jobs that fit into it, and at most as long as one that
    is full of jobs: longer ones were never measured."""
    if not one.room_tokens or one.cost <= 0.0:
        return replace(one, room=one.room_tokens, speed=Speed())
    jobs = min(one.room, one.room_tokens / one.cost)
    speed = Speed(fixed=one.speed.fixed, per_job=one.speed.per_job * jobs / one.room_tokens)
    return replace(one, room=one.room_tokens, speed=speed)


def _mean(batchers: Sequence[tuple[int, Speed]]) -> Speed:
    """Of a job, whoever computes it: each batcher weighs as much as it computes."""
    rates = [room / _full(room, speed) for room, speed in batchers]
    return Speed(
        fixed=fmean([speed.fixed for _, speed in batchers], rates),
        per_job=fmean([speed.per_job for _, speed in batchers], rates),
    )


UNKNOWN = Capacity()
