"""How many tokens a job has had lately, on average. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from broker.messages import Job

MEMORY = 0.97  # about the last 30 claims count, each by its jobs


class MeanCost:
    """By claims, so that a long job weighs what a short one does."""

    def __init__(self) -> None:
        self._jobs = self._tokens = 0.0  # sums that fade
        self.mean = 0.0  # replaced whole, for the heartbeat reads it from its own thread

    def observe(self, jobs: Sequence[Job]) -> None:
        """These were claimed."""
        self._jobs = MEMORY * self._jobs + len(jobs)
        self._tokens = MEMORY * self._tokens + sum(job.cost for job in jobs)
        self.mean = self._tokens / self._jobs if self._jobs else 0.0
