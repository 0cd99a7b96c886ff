"""What the log says of batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from batcher.batch_log import MOST, BatchLog
from batcher.serving.batch import Batch
from batcher.serving.leases import Lease
from broker.messages import Claim, Failure, FailureCode, Job

INFO = structlog.make_filtering_bound_logger(logging.INFO)
Timers = list[Callable[[], None]]


def lease(jobs: int = 1, *, forward: float = 0.01, closed_by: str = "idle", failed: int = 0) -> Lease:
    whose = [{"request_id": f"r{number // 2}"} for number in range(jobs)]
    made = [Job(id=str(number), front_end="f", input="x", meta=one) for number, one in enumerate(whose)]
    claim = Claim(batch="b", jobs=made)
    batch = Batch(claim=claim, claimed_at=0.0, seconds=forward, closed_by=closed_by, jobs=made)
    failures = [Failure(job_id=str(number), code=FailureCode.MODEL_ERROR, message="no") for number in range(failed)]
    return Lease(batch=batch, left={}, failed=failures)


@pytest.fixture
def timers() -> Timers:
    """What is to be done when the period is over."""
    return []


@pytest.fixture
def batch_log(timers: Timers, monkeypatch: pytest.MonkeyPatch) -> BatchLog:
    """At `info`, in the middle of a period: no batch has a line of its own any more."""
    monkeypatch.setattr("batcher.batch_log.log", structlog.wrap_logger(_Quiet(), wrapper_class=INFO))
    made = BatchLog(lambda seconds, act: timers.append(act))
    monkeypatch.undo()
    with capture_logs():
        for _ in range(MOST):
            made.told(lease(), in_flight=0)
    return made


class _Quiet:
    def msg(self, *args: object, **fields: object) -> None:
        return


def told(lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Event and jobs of each line."""
    return [(line["event"], line["jobs"]) for line in lines]


def test_while_they_are_few_each_has_a_line(timers: Timers) -> None:
    with capture_logs() as lines:
        BatchLog(lambda seconds, act: timers.append(act)).told(lease(3, forward=0.02), in_flight=1)

    (line,) = lines
    assert (line["event"], line["jobs"], line["forward"], line["in_flight"]) == ("batch", 3, "20.0ms", 1)
    assert (line["log_level"], line["batch"]) == ("info", "b")


@pytest.mark.parametrize(("jobs", "named", "more"), [(3, 2, 0), (16, 8, 0), (17, 8, 1)])
def test_a_batch_names_its_requests_as_far_as_they_are_few(timers: Timers, jobs: int, named: int, more: int) -> None:
    with capture_logs() as lines:
        BatchLog(lambda seconds, act: timers.append(act)).told(lease(jobs), in_flight=1)

    assert lines[0]["requests"] == [f"r{number}" for number in range(named)]
    assert lines[0]["more_requests"] == more


def test_those_that_are_too_many_for_that_share_one_when_the_period_is_over(
    batch_log: BatchLog, timers: Timers
) -> None:
    with capture_logs() as lines:
        batch_log.told(lease(2, forward=0.01, closed_by="busy", failed=1), in_flight=0)
        batch_log.told(lease(6, forward=0.03, closed_by="size"), in_flight=0)
        assert lines == []
        timers.pop()()

    (line,) = lines
    assert (line["batches"], line["jobs"], line["failed"], line["forward"]) == (2, 8, 1, "20.0ms")
    assert line["closed_by"] == {"busy": 1, "size": 1}


def test_then_each_has_a_line_again(batch_log: BatchLog, timers: Timers) -> None:
    timers.pop()()

    with capture_logs() as lines:
        batch_log.told(lease(2), in_flight=0)

    assert told(lines) == [("batch", 2)]
    assert len(timers) == 1


def test_at_the_end_the_rest_is_told_and_nothing_twice(batch_log: BatchLog) -> None:
    batch_log.told(lease(2), in_flight=0)

    with capture_logs() as lines:
        batch_log.tell()
        batch_log.tell()

    assert told(lines) == [("batches", 2)]


def test_who_listens_closely_is_told_of_each(timers: Timers) -> None:
    one = BatchLog(lambda seconds, act: timers.append(act))  # nobody has set up logging here: all is told

    with capture_logs() as lines:
        for _ in range(MOST + 1):
            one.told(lease(3), in_flight=1)
        one.tell()

    assert told(lines) == [("batch", 3)] * (MOST + 1)
