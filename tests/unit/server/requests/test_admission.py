"""What goes with the next trip to the broker, and what a request says there."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from broker.messages import Lane
from server.errors import Problem
from server.fleet.capacity import Capacity
from tests.unit.server.requests.parts import served

pytestmark = pytest.mark.anyio


async def test_a_request_tells_the_broker_its_lane_and_how_many_jobs_may_be_before_it(parts):
    parts.served = served(capacity=Capacity(fixed=0.5, per_job=0.01, room=100))
    with parts.expect("one two", seconds=4.0, lane=Lane.BULK) as request:
        parts.pending.admit(request)
        [admission], _ = parts.take()

        asked = admission.message(parts.clock())

    assert (asked.lane, asked.most_ahead, asked.room) == (Lane.BULK, 160, 100)


async def test_a_request_tells_the_broker_how_many_tokens_may_be_before_it_and_when_to_wake_a_batcher(parts):
    capacities = {
        "capacity": Capacity(fixed=0.5, room=128, batch=64),
        "token_capacity": Capacity(fixed=0.5, per_job=0.001, room=1_000, batch=500),
    }
    parts.served = served(**capacities)
    with parts.expect("one three", seconds=4.0) as request:
        parts.pending.admit(request)
        [admission], _ = parts.take()

        asked = admission.message(parts.clock())

    assert (asked.batch, asked.batch_tokens, asked.room_tokens) == (64, 500, 1_000)
    assert asked.most_tokens_ahead == parts.served.token_capacity.most_ahead(4.0, 8)


async def test_a_request_that_was_taken_once_is_not_weighed_when_it_is_brought_again(parts):
    parts.served = served(capacity=Capacity(fixed=0.5, per_job=0.01, room=100))
    with parts.expect("one two", seconds=4.0) as request:
        parts.pending.admit(request)
        parts.take()
        parts.pending.push_again()

        [admission], _ = parts.take()

        assert admission.message(parts.clock()).most_ahead is None


async def test_what_a_trip_had_no_room_for_goes_before_what_came_meanwhile(parts):
    with parts.expect("one") as first, parts.expect("two") as second:
        parts.pending.admit(first)
        left_over, _ = parts.take()
        parts.pending.admit(second)
        parts.outbox.put_back(left_over)

        assert [admission.request for admission in parts.take()[0]] == [first, second]


async def test_an_admission_stays_with_the_revision_it_was_encoded_for(parts):
    with parts.expect("one") as request:
        parts.pending.admit(request)
        request.served = served("r2")

        (admission,) = parts.take()[0]

        assert admission.message(parts.clock()).model == "echo@r1"


async def test_an_expired_request_is_not_brought_to_the_broker(parts):
    with parts.expect("one", seconds=1.0) as request:
        parts.pending.admit(request)
        parts.clock.tick(2.0)

        assert parts.jobs() == []


async def test_jobs_the_broker_never_saw_are_neither_brought_nor_cancelled(parts):
    with parts.expect("one") as request:
        parts.pending.admit(request)

    assert parts.take() == ([], {})


async def test_what_expired_is_not_cancelled_because_the_broker_drops_it(parts):
    with parts.expect("one", seconds=1.0) as request:
        parts.pending.admit(request)
        parts.jobs()
        parts.clock.tick(2.0)

    assert parts.take()[1] == {}


async def test_a_refused_request_is_not_cancelled_because_nothing_of_it_waits(parts):
    with parts.expect("one") as request:
        parts.pending.admit(request)
        [admission], _ = parts.take()
        admission.refuse(Problem("contended", "7 jobs wait already"))

    assert parts.take()[1] == {}


async def test_cancellations_beyond_a_trip_go_with_the_next(parts, monkeypatch):
    monkeypatch.setattr("server.requests.admission.CANCELS_A_TRIP", 2)
    with ExitStack() as requests:
        for _ in range(5):
            parts.pending.admit(requests.enter_context(parts.expect("one")))
        parts.jobs()

    assert [len(parts.take()[1]) for _ in range(4)] == [2, 2, 1, 0]
