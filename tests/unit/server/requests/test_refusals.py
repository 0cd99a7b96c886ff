"""What a client is told when the broker does not take its jobs."""

from __future__ import annotations

import pytest

from broker.messages import FailureCode, Verdict
from server.fleet.capacity import Capacity
from server.requests.refusals import refusal
from tests.unit.server.requests.parts import served

pytestmark = pytest.mark.anyio  # a request that waits belongs to a loop


def contended(**seen):
    return Verdict(refusal=FailureCode.CONTENDED, **seen)


async def test_a_full_lane_is_told_by_how_many_wait(parts):
    with parts.expect("one") as request:
        problem = refusal(request, contended(waiting=7), 3.0)

    assert (problem.code, problem.detail) == ("contended", "7 jobs wait for 'echo' already.")


async def test_a_request_that_would_take_too_long_is_told_how_long_and_when_to_come_back(parts):
    parts.served = served(capacity=Capacity(fixed=0.5, per_job=0.01, room=100))
    with parts.expect("one two") as request:
        problem = refusal(request, contended(ahead=398), 3.0)

    assert problem.detail == "With 398 jobs before it at 'echo' this may take 8.50 s; it has 3.00 s."
    assert (problem.code, problem.retry_after) == ("contended", pytest.approx(5.5))


async def test_a_request_with_too_many_tokens_before_it_is_told_by_these(parts):
    by_jobs, by_tokens = (Capacity(fixed=0.5, per_job=each, room=room) for each, room in ((0.01, 100), (0.001, 500)))
    parts.served = served(capacity=by_jobs, token_capacity=by_tokens)
    with parts.expect("one three") as request:
        problem = refusal(request, contended(ahead=20, tokens_ahead=1_992), 3.0)

    said = "With 20 jobs of 1992 tokens before it at 'echo' this may take 5.83 s; it has 3.00 s."
    assert (problem.detail, problem.retry_after) == (said, pytest.approx(2.83, abs=0.01))


async def test_a_request_that_came_to_the_broker_too_late_has_expired(parts):
    with parts.expect("one") as request:
        assert refusal(request, Verdict(refusal=FailureCode.EXPIRED), -0.1).status == 504
