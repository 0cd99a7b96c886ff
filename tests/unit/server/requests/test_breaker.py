"""What the circuit breaker lets through, and what it answers instead."""

from __future__ import annotations

import pytest

from server.errors import Problem
from server.requests.admission import Outbox
from server.requests.breaker import CircuitBreaker

pytestmark = pytest.mark.anyio


def test_a_front_end_that_has_not_met_the_broker_lets_nothing_through(clock):
    assert CircuitBreaker(Outbox(), clock).is_open


def test_an_outage_is_counted_from_its_first_error(clock):
    breaker = CircuitBreaker(Outbox(), clock)
    breaker.close()
    breaker.open()
    clock.tick(20.0)
    breaker.open()

    assert breaker.problem().retry_after == 10.0


async def test_while_the_breaker_is_open_requests_are_refused_at_once(parts):
    parts.breaker.open()
    parts.clock.tick(8.0)

    with parts.expect("one") as request, pytest.raises(Problem) as caught:
        parts.pending.admit(request)

    assert (caught.value.code, caught.value.retry_after) == ("broker_unavailable", 4.0)


async def test_opening_it_refuses_what_no_trip_has_taken_yet(parts):
    with parts.expect("one") as request:
        parts.pending.admit(request)
        parts.breaker.open()

        with pytest.raises(Problem, match="broker does not answer"):
            await request


async def test_opening_it_leaves_those_alone_whose_jobs_wait_in_the_broker(parts):
    with parts.expect("one") as request:
        parts.pending.admit(request)
        parts.jobs()

        parts.breaker.open()

        assert request.is_awaited


async def test_a_request_without_jobs_passes_an_open_breaker(parts):
    parts.breaker.open()

    with parts.expect("") as request:
        parts.pending.admit(request)
        await request

    assert request.timing is None
