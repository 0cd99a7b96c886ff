"""What becomes of the jobs of a batch."""

from __future__ import annotations

import pytest

from batcher.engines.engine import Done
from batcher.serving.batch import SPOILED, Batch
from broker.messages import Claim, Failure, FailureCode, Job, Timing


def job(name: str, *, admitted: float = 100.0, deadline: float = 200.0) -> Job:
    return Job(id=name, front_end="f" * 16, input=name, admitted=admitted, deadline=deadline)


def claimed(*jobs: Job, spoiled: tuple[str, ...] = (), window: float = 0.0) -> Batch:
    claim = Claim(batch="b:1", jobs=jobs, spoiled=spoiled, claimed=101.0)
    return Batch(claim=claim, claimed_at=50.0, window=window)


def test_a_job_that_expired_while_staged_is_not_computed() -> None:
    batch = claimed(job("late", deadline=101.5), job("early"))

    batch.start(51.0, cancelled=())

    assert [job.id for job in batch.jobs] == ["early"]


def test_a_job_that_was_cancelled_while_staged_is_not_computed() -> None:
    batch = claimed(job("gone"), job("kept"))

    batch.start(50.0, cancelled={"gone"})

    assert [job.id for job in batch.jobs] == ["kept"]


def test_a_result_says_where_its_time_went() -> None:
    batch = claimed(job("a", admitted=100.9), window=0.03)
    batch.start(50.02, cancelled=())

    result = batch.result(batch.jobs[0], Done(job_id="a", output="x", seconds=0.5), beside=1)

    assert result.timing == Timing(
        queue=pytest.approx(0.07 + 0.02), window=pytest.approx(0.03), compute=0.5, batch_size=1
    )


def test_a_batch_has_waited_from_the_opening_of_its_window_to_its_start() -> None:
    batch = claimed(job("a"), window=0.03)
    never_started = batch.waited
    batch.start(50.02, cancelled=())

    assert (never_started, batch.waited) == (0.03, pytest.approx(0.05))


def test_the_window_of_a_late_comer_is_no_longer_than_its_wait() -> None:
    batch = claimed(job("a", admitted=100.99), window=0.03)
    batch.start(50.0, cancelled=())

    result = batch.result(batch.jobs[0], Done(job_id="a", output="x"), beside=1)

    assert result.timing.window == pytest.approx(0.01)


def test_bytes_that_are_no_job_fail() -> None:
    batch = claimed(job("a"), spoiled=("junk",))

    assert batch.spoiled() == [Failure(job_id="junk", code=FailureCode.INVALID_INPUT, message=SPOILED)]
