"""What the log says of batches."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from batcher.batch_log import BatchLog
from batcher.serving.batch import Batch
from batcher.serving.leases import Lease
from broker.messages import Claim, Failure, FailureCode, Job

Timers = list[Callable[[], None]]


def lease(jobs: int = 1, *, forward: float = 0.01, closed_by: str = "idle", failed: int = 0) -> Lease:
    made = [Job(id=str(number), front_end="f", input="x") for number in range(jobs)]
    claim = Claim(batch="b", jobs=made)
    batch = Batch(claim=claim, claimed_at=0.0, seconds=forward, closed_by=closed_by, jobs=made)
    failures = [Failure(job_id=str(number), code=FailureCode.MODEL_ERROR, message="no") for number in range(failed)]
    return Lease(batch=batch, left={}, failed=failures)


@pytest.fixture
def timers() -> Timers:
    """What is to be done when the seconds are over."""
    return []


@pytest.fixture
def batch_log(timers: Timers) -> BatchLog:
    """It has just told of a batch."""
    made = BatchLog(lambda seconds, act: timers.append(act))
    with capture_logs():
        made.told(lease(), in_flight=0)
    return made


def test_the_first_batch_is_told_of_at_once(timers: Timers) -> None:
    with capture_logs() as lines:
        BatchLog(lambda seconds, act: timers.append(act)).told(lease(3), in_flight=0)

    assert [(one["batches"], one["jobs"]) for one in lines if one["event"] == "batches"] == [(1, 3)]


def test_those_of_the_next_seconds_share_a_line_when_these_are_over(batch_log: BatchLog, timers: Timers) -> None:
    with capture_logs() as lines:
        batch_log.told(lease(2, forward=0.01, closed_by="busy", failed=1), in_flight=0)
        batch_log.told(lease(6, forward=0.03, closed_by="size"), in_flight=0)
        timers.pop()()

    (line,) = [one for one in lines if one["log_level"] == "info"]
    assert (line["batches"], line["jobs"], line["failed"], line["forward"]) == (2, 8, 1, "20.0ms")
    assert line["closed_by"] == {"busy": 1, "size": 1}


def test_after_seconds_without_a_batch_the_next_one_is_told_of_at_once(batch_log: BatchLog, timers: Timers) -> None:
    timers.pop()()

    with capture_logs() as lines:
        batch_log.told(lease(2), in_flight=0)

    assert [(one["batches"], one["jobs"]) for one in lines if one["event"] == "batches"] == [(1, 2)]


def test_at_the_end_the_rest_is_told_and_nothing_twice(batch_log: BatchLog) -> None:
    batch_log.told(lease(2), in_flight=0)

    with capture_logs() as lines:
        batch_log.tell()
        batch_log.tell()

    assert [(one["batches"], one["jobs"]) for one in lines] == [(1, 2)]


def test_each_is_told_of_to_who_listens_so_closely(timers: Timers) -> None:
    with capture_logs() as lines:
        BatchLog(lambda seconds, act: timers.append(act)).told(lease(3, forward=0.02), in_flight=1)

    assert [(one["jobs"], one["forward"], one["in_flight"]) for one in lines if one["event"] == "batch"] == [
        (3, "20.0ms", 1)
    ]
