"""How long a job stays in an in-flight engine among n: the steps that it takes, times what a step beside n costs. Pure.

Jobs join and leave all the time, so no lease tells how long n of them take: it overlaps with others, and its last job
is its longest. But while n are in flight, n leave in the time that one of them stays, and as many may join: to a front
end that is a batch of n. Steps and their cost are learned apart: how long answers are does not depend on the load, and
those that stay longest are the last ones in an engine that empties.
"""

from __future__ import annotations

from collections.abc import Collection

from batcher.policy.decayed_regression import DecayedRegression
from batcher.policy.speed import SpeedFit
from broker.messages import Speed

STEPS_REMEMBERED = 0.99  # weight that a report on steps keeps with each newer one beside as many
JOBS_REMEMBERED = 0.996  # the same for each job that leaves: about the last 250 count


class InFlightSpeed(SpeedFit):
    """Fitted to steps; `speed` and `predict` are those of the whole stay. Nothing is known until a job has left."""

    def __init__(self) -> None:
        super().__init__(STEPS_REMEMBERED)
        self._steps = self._jobs = 0.0  # sums that fade

    def left(self, steps: int) -> None:
        """A job took so many steps."""
        self._steps = JOBS_REMEMBERED * self._steps + steps
        self._jobs = JOBS_REMEMBERED * self._jobs + 1.0
        self._speed = None

    def _through(self, sizes: Collection[DecayedRegression]) -> Speed:
        step, stay = super()._through(sizes), self._steps / self._jobs if self._jobs else 0.0
        return Speed(fixed=stay * step.fixed, per_job=stay * step.per_job)

    def _line(self, sizes: Collection[DecayedRegression]) -> DecayedRegression:
        # By weight: steps beside few are seldom, and the first of them may be cold, or encode for many that join.
        line = DecayedRegression(memory=1.0)
        for size in sizes:
            line.include(size)
        return line
