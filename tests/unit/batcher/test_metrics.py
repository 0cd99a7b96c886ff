"""What a batcher tells Prometheus of a batch, and of jobs in flight."""

from __future__ import annotations

from prometheus_client import generate_latest

from batcher.engines.engine import StepStats
from batcher.metrics import BatcherMetrics
from batcher.policy.gathering.decision import GatheringState
from batcher.serving.batch import Batch
from broker.messages import Claim, Failure, FailureCode, Job, Slo


def test_one_batch_is_seen_in_every_family() -> None:
    metrics = BatcherMetrics("toy")
    jobs = [Job(id=str(number), front_end="f", input="x") for number in range(3)]
    stats = StepStats(groups=2, tokens=75, padded_tokens=100, budget=512)
    batch = Batch(claim=Claim(batch="b:1", jobs=jobs), claimed_at=0.0, closed_by="size", seconds=0.5, jobs=jobs)

    metrics.step(stats, seconds=0.5, rows=3)
    metrics.batch(stats)
    metrics.lease(batch, [Failure(job_id="0", code=FailureCode.MODEL_ERROR, message="no")])

    page = generate_latest(metrics.registry).decode()
    for line in (
        'jitney_batch_size_sum{model="toy"} 3.0',
        'jitney_batch_groups_sum{model="toy"} 2.0',
        'jitney_batch_tokens_sum{model="toy"} 75.0',
        'jitney_batch_padding_ratio_sum{model="toy"} 0.25',
        'jitney_batch_compute_seconds_sum{model="toy"} 0.5',
        'jitney_batcher_busy_seconds_total{model="toy"} 0.5',
        'jitney_batches_total{closed_by="size",model="toy"} 1.0',
        'jitney_token_budget{model="toy"} 512.0',
        'jitney_job_failures_total{code="model_error",model="toy"} 1.0',
    ):
        assert line in page


def test_jobs_in_flight_are_seen_step_by_step_and_their_lease_when_it_ends() -> None:
    metrics = BatcherMetrics("toy")
    jobs = [Job(id=str(number), front_end="f", input="x") for number in range(3)]
    batch = Batch(claim=Claim(batch="b:1", jobs=jobs), claimed_at=0.0, closed_by="busy", seconds=0.5, jobs=jobs)

    for rows in (8, 5):
        stats = StepStats(groups=1, tokens=rows, padded_tokens=8, forward_seconds=0.2, budget=512)
        metrics.in_flight(rows)
        metrics.step(stats, seconds=0.25, rows=rows)
    metrics.lease(batch, [])

    page = generate_latest(metrics.registry).decode()
    for line in (
        'jitney_rows_in_flight{model="toy"} 5.0',
        'jitney_row_seconds_total{model="toy"} 3.25',
        'jitney_batcher_busy_seconds_total{model="toy"} 0.5',
        'jitney_forward_seconds_total{model="toy"} 0.4',
        'jitney_forward_passes_total{model="toy"} 2.0',
        'jitney_tokens_total{model="toy"} 13.0',
        'jitney_padded_tokens_total{model="toy"} 16.0',
        'jitney_batch_size_sum{model="toy"} 3.0',
        'jitney_batch_compute_seconds_sum{model="toy"} 0.5',
        'jitney_batches_total{closed_by="busy",model="toy"} 1.0',
    ):
        assert line in page


def test_an_slo_is_seen_where_one_is_kept_and_its_p99_once_it_was_measured() -> None:
    kept, none = BatcherMetrics("toy"), BatcherMetrics("toy")

    kept.slo(Slo(bound=0.1, size=53))
    before = generate_latest(kept.registry).decode()
    kept.slo(Slo(bound=0.1, p99=0.09, size=50))
    after = generate_latest(kept.registry).decode()

    assert 'jitney_slo_batch_size{model="toy"} 53.0' in before
    assert "jitney_slo_p99_seconds{" not in before
    assert 'jitney_slo_p99_seconds{model="toy"} 0.09' in after
    assert 'jitney_slo_bound_seconds{model="toy"} 0.1' in after
    assert "jitney_slo_batch_size{" not in generate_latest(none.registry).decode()


def test_whether_batches_wait_for_callers_is_seen_with_what_decides_it() -> None:
    metrics = BatcherMetrics("toy")
    state = GatheringState(gathers=True, expected=7.5, wait=0.004, rate=800.0, between=0.001)

    metrics.gathering(lambda: state)

    page = generate_latest(metrics.registry).decode()
    for line in (
        'jitney_window_gathers{model="toy"} 1.0',
        'jitney_window_expected_jobs{model="toy"} 7.5',
        'jitney_window_wait_seconds{model="toy"} 0.004',
        'jitney_window_jobs_per_second{model="toy"} 800.0',
        'jitney_window_finish_seconds{model="toy"} 0.001',
    ):
        assert line in page
