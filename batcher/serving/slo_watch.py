"""Shows the policy that keeps an SLO what becomes of batches, and Prometheus what it decides."""

from __future__ import annotations

from collections.abc import Callable

from batcher.metrics import BatcherMetrics
from batcher.policy.slo import SloCap
from batcher.serving.batch import Batch
from broker.messages import Lane, Limits, Slo


class SloWatch:
    """Without a policy it changes nothing and costs nothing."""

    def __init__(self, cap: SloCap | None, metrics: BatcherMetrics, clock: Callable[[], float]) -> None:
        self._cap, self._metrics, self._clock = cap, metrics, clock

    def within(self, limits: Limits) -> Limits:
        """What is claimed under these."""
        return limits if self._cap is None else self._cap.within(limits)

    def state(self, limits: Limits) -> Slo | None:
        """What to announce."""
        return None if self._cap is None else self._cap.state(limits)

    def told(self, batch: Batch, limits: Limits) -> None:
        """The outcomes of this batch have just reached the broker."""
        if self._cap is not None:
            now = batch.claim.claimed + self._clock() - batch.claimed_at  # on the broker's clock
            took = [now - job.admitted for job in batch.jobs if job.lane is Lane.INTERACTIVE]
            self._cap.observe(batch.claim, took, limits)

    def plan(self, limits: Limits) -> None:
        """The fit has learned something."""
        if self._cap is not None:
            self._cap.plan()
            self._metrics.slo(self._cap.state(limits))
