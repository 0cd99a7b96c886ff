"""One simulated card, a + b · n seconds a batch: interactive jobs by chance, and bulk without end or none."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from batcher.policy.bulk_share import bulk_lead
from batcher.policy.slo import SloCap
from batcher.policy.speed import SpeedFit
from broker.messages import Claim, Job, Lane, Limits

LATE = 1000.0  # seconds: what a job counts as that was never answered
INTERACTIVE = Job(id="i", front_end="f", input=None)
BULK = Job(id="b", front_end="f", input=None, lane=Lane.BULK)


@dataclass(frozen=True, kw_only=True)
class Card:
    """What it costs, and what comes: `phases` of (seconds, interactive jobs a second)."""

    fixed: float
    per_job: float
    phases: Sequence[tuple[float, float]]
    has_bulk: bool = False
    noise: float = 0.05  # of a batch's time
    trips: float = 0.001  # seconds between the end of a batch and its outcomes
    most: int = 64

    @property
    def seconds(self) -> float:
        return sum(seconds for seconds, _ in self.phases)


@dataclass
class Ran:
    """What became of it."""

    took: list[tuple[float, float]] = field(default_factory=list)  # of each interactive job: when it came, seconds
    jobs: int = 0
    sizes: list[int] = field(default_factory=list)  # jobs that each batch might have had

    def p99(self, since: float) -> float:
        """Of those that came after so many seconds."""
        took = sorted(seconds for came, seconds in self.took if came >= since)
        return took[int(0.99 * (len(took) - 1))]


def run(card: Card, *, size: int = 0, slo: float = 0.0, seed: int = 0) -> Ran:
    """With batches of a fixed size, or of what the policy makes of them."""
    random, limits, fit = Random(seed), Limits(max_batch_size=card.most if slo else size), SpeedFit()
    for jobs in (1, 1, card.most, card.most):
        fit.observe(jobs, card.fixed + card.per_job * jobs)
    cap = SloCap(slo, fit) if slo else None
    came, ran, now, first, lead = list(_arrivals(card, random)), Ran(), 0.0, 0, 0.0
    while now < card.seconds and (card.has_bulk or first < len(came)):
        now = now if card.has_bulk else max(now, came[first])
        if cap:
            cap.plan()
        bounded = cap.within(limits) if cap else limits
        claim = _claim(bisect_right(came, now, first) - first, bounded, has_bulk=card.has_bulk, lead=lead)
        lead = bulk_lead(lead, claim, bounded)
        spent = (card.fixed + card.per_job * len(claim.jobs)) * random.lognormvariate(0.0, card.noise)
        now += spent
        last = first + sum(job.lane is Lane.INTERACTIVE for job in claim.jobs)
        took = [now + card.trips - at for at in came[first:last]]
        ran.took += zip(came[first:last], took, strict=True)
        ran.sizes.append(bounded.max_batch_size)
        ran.jobs += len(claim.jobs)
        first = last
        fit.observe(len(claim.jobs), spent)
        if cap:
            cap.observe(claim, took, limits)
    ran.took += [(at, LATE) for at in came[first:] if at < card.seconds - 1.0]
    return ran


def _claim(waiting: int, limits: Limits, *, has_bulk: bool, lead: float) -> Claim:
    """As DRAIN does: bulk that has waited has its eighth before interactive jobs, and what they leave."""
    size = limits.max_batch_size
    bulk = max(1, size // 8) if has_bulk and lead <= 0.0 else 0
    interactive = min(waiting, size - bulk)
    bulk = size - interactive if has_bulk else 0
    jobs = [*[INTERACTIVE] * interactive, *[BULK] * bulk]
    return Claim(batch="b", jobs=jobs, closed_by="size" if len(jobs) == size else "empty")


def _arrivals(card: Card, random: Random) -> Iterator[float]:
    ends = 0.0
    for seconds, rate in card.phases:
        now, ends = ends, ends + seconds
        while (now := now + random.expovariate(rate)) < ends:
            yield now
