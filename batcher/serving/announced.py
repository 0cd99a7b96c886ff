"""What a batcher announces of itself: how fast it is, and how much room it has. Read from the heartbeat's thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from time import monotonic

from batcher.policy.batching import Batching
from batcher.policy.mean_cost import MeanCost
from batcher.serving.claims import Claims
from batcher.serving.heartbeat import Vitals
from batcher.serving.model_thread import ModelThread
from batcher.serving.slo_watch import SloWatch
from broker.messages import Job, Limits, Slo, Speed


class Announced:
    """Each is as it is now: nothing here waits for a beat."""

    def __init__(
        self, claims: Claims, thread: ModelThread, *, batching: Batching, watch: SloWatch, vitals: Vitals
    ) -> None:
        self._claims, self._thread = claims, thread
        self._batching, self._watch, self._vitals = batching, watch, vitals
        self._cost = MeanCost()
        self._fitted = Speed()  # what the fit says; replaced whole

    @property
    def allowed(self) -> Limits:
        """An operator's."""
        return self._claims.allowed

    @property
    def limits(self) -> Limits:
        """Those that the next batch will have: an operator's, or less for the sake of an SLO."""
        return self._claims.limits

    @property
    def slo(self) -> Slo | None:
        """How an SLO is kept; None where there is none."""
        return self._watch.state(self.allowed)

    @property
    def size(self) -> int:
        """Jobs that are computed together at the most."""
        return max(1, min(self.limits.max_batch_size, self._thread.capacity))

    @property
    def speed(self) -> Speed:
        """What the fit says; while the engine takes longer than for a full batch, so much more: a card that is stuck
        drains nothing, and what was not yet seen is known to last at least as long as it has."""
        known = self._fitted
        late = self._vitals.still_for(monotonic()) - known.fixed - known.per_job * self.size
        return replace(known, fixed=known.fixed + max(0.0, late)) if known != Speed() else known

    @property
    def cost(self) -> float:
        """Tokens that a job has had lately, on average; 0.0 while there was none."""
        return self._cost.mean

    def claimed(self, jobs: Sequence[Job]) -> None:
        """These are to be computed."""
        self._cost.observe(jobs)

    def learn(self, seen: Iterable[tuple[int, float]] = ()) -> None:
        """Tell front ends what the fit says from now on, with these batches (jobs, and the seconds they took)."""
        for jobs, seconds in seen:
            self._batching.speed.observe(jobs, seconds)
        self._watch.plan(self.allowed)
        self._fitted = self._batching.speed.speed_up_to(self.size)
