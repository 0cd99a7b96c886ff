"""What the policy that keeps an SLO is shown of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from batcher.metrics import BatcherMetrics
from batcher.policy.slo import SloCap
from batcher.policy.speed import SpeedFit
from batcher.serving.batch import Batch
from batcher.serving.slo_watch import SloWatch
from broker.messages import Claim, Job, Lane, Limits


class Noted(SloCap):
    """Notes what it is shown."""

    took: Sequence[float] = ()

    def observe(self, claim: Claim, took: Sequence[float], limits: Limits) -> None:
        self.took = took


def test_interactive_jobs_count_from_their_admission_until_their_outcome_is_told() -> None:
    cap = Noted(0.1, SpeedFit())
    watch = SloWatch(cap, BatcherMetrics("toy"), clock=lambda: 52.0)
    lanes = {"a": Lane.INTERACTIVE, "b": Lane.BULK, "c": Lane.INTERACTIVE}
    jobs = [Job(id=id, front_end="f", input=None, admitted=1000.0, lane=lane) for id, lane in lanes.items()]
    batch = Batch(claim=Claim(batch="1", jobs=jobs, claimed=1003.0), claimed_at=50.0)
    batch.jobs = jobs[:2]  # nobody waits for the third any more

    watch.told(batch, Limits())

    assert cap.took == pytest.approx([5.0])


def test_without_a_policy_limits_are_what_they_were() -> None:
    watch = SloWatch(None, BatcherMetrics("toy"), clock=lambda: 0.0)
    limits = Limits()

    watch.plan(limits)

    assert watch.within(limits) is limits
    assert watch.state(limits) is None
