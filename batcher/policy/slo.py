"""How many jobs a batch may have for 99 % of the interactive ones to end within a bound. Pure.

One that has just missed a batch waits for that to end and for its own: about 2 · (a + b · n) seconds, which says n.
What is measured corrects it. Mostly it is bulk, which fills whatever room there is, that this keeps short. Where
interactive jobs alone fill the batches, smaller ones would carry less and let the queue grow: then n grows until they
do not.

It sizes batches and opens no window: under `adaptive` they grow with the load by themselves, and waiting would carry no
more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from batcher.policy.speed import SpeedFit
from broker.messages import Claim, Lane, Limits, Slo, Speed

ENOUGH = 300  # interactive jobs, before their p99 is believed
MEMORY = 0.9  # weight that a batch keeps when the next one comes: about the last ten count
CROWDED, ROOMY = 0.5, 0.05  # share of batches that interactive jobs fill: above it n grows, below it n may shrink
GROWTH, DECAY = 1.5, 0.98  # with each batch, of the room for a crowd
LOW, AIM, HIGH = 0.94, 0.965, 0.98  # of the bound: outside low and high the plan is corrected
LEAST, MOST, STEP = 0.25, 2.0, 1.02  # of the bound, that a plan is made for; and how fast it grows
HARDLY = 0.25  # of the fixed cost, that all jobs of a batch add: with fewer it hardly ends sooner
EIGHTH, FEW = 8, 4  # bulk that has waited has one job of so many; and one of fewer, as long as they are not few


class SloCap:
    """Learns batch by batch. What others may read is replaced whole, for the heartbeat has a thread of its own."""

    def __init__(self, bound: float, speed: SpeedFit) -> None:
        self._bound, self._speed = bound, speed
        self._p99 = 0.0  # seconds, of the last `ENOUGH` interactive jobs; 0.0 while there were not as many
        self._planned: float | None = None  # jobs; None: no size of batch keeps the bound, or nobody knows
        self._correction = AIM  # of the bound: what batches are planned for
        self._room = 0.0  # jobs: what a crowd of interactive ones needs
        self._crowded = 0.0  # share of batches, fading
        self._took: list[float] = []  # seconds of each interactive job, since the p99 was last known
        self._is_binding = False  # a batch since then was as large as we let it be

    def within(self, limits: Limits) -> Limits:
        """These for the next batch. Policy `fixed` is the operator's own choice and left alone."""
        size = self._size(limits)
        return limits if size == limits.max_batch_size else replace(limits, max_batch_size=size)

    def state(self, limits: Limits) -> Slo:
        """For people."""
        return Slo(bound=self._bound, p99=self._p99, size=self._size(limits))

    def plan(self) -> None:
        """The fit has learned something."""
        speed = self._speed.speed
        if not speed.per_job or 2 * (speed.fixed + speed.per_job) > self._bound:
            self._planned = None  # then throughput is all there is to have
        else:
            first, corrected = _two_fit(speed, self._bound), _two_fit(speed, self._correction * self._bound)
            # A stall of the machine is no reason for batches that carry less and hardly end sooner.
            self._planned = max(corrected, min(first, HARDLY * speed.fixed / speed.per_job))

    def observe(self, claim: Claim, took: Sequence[float], limits: Limits) -> None:
        """What was claimed has ended; its interactive jobs took so many seconds each, from their admission on."""
        if limits.policy == "fixed":  # what its window costs says nothing of sizes
            self._took = []
            return
        is_full = claim.closed_by == "size"
        is_crowded = is_full and _is_filled_by_interactive(claim)
        self._crowded += (1 - MEMORY) * (is_crowded - self._crowded)
        self._is_binding |= is_full and self._size(limits) < limits.max_batch_size
        self._make_room(len(claim.jobs), limits.max_batch_size)
        self._took += took
        if len(self._took) >= ENOUGH:
            self._correct()

    def _size(self, limits: Limits) -> int:
        most, planned = limits.max_batch_size, self._planned  # read once: another thread may replace it
        if planned is None or limits.policy == "fixed":
            return most
        return int(min(max(1.0, planned, self._room), most))

    def _make_room(self, jobs: int, most: int) -> None:
        if self._crowded > CROWDED:
            self._room = min(max(self._room, GROWTH * jobs, jobs + 1), most)
        elif self._crowded < ROOMY:
            self._room *= DECAY

    def _correct(self) -> None:
        self._p99 = sorted(self._took)[int(0.99 * (len(self._took) - 1))]
        if self._p99 > HIGH * self._bound and self._crowded < ROOMY:
            self._correction = max(LEAST, self._correction * AIM * self._bound / self._p99)
        elif self._p99 < LOW * self._bound and self._is_binding:
            self._correction = min(MOST, self._correction * STEP)
        self._took, self._is_binding = [], False


def _is_filled_by_interactive(claim: Claim) -> bool:
    """But for the share of bulk that has waited."""
    jobs, bulk = len(claim.jobs), sum(job.lane is Lane.BULK for job in claim.jobs)
    return bulk <= max(jobs // EIGHTH, 1 if jobs >= FEW else 0)


def _two_fit(speed: Speed, seconds: float) -> float:
    """Jobs in a batch of which two in a row take so long."""
    return (seconds / 2 - speed.fixed) / speed.per_job
