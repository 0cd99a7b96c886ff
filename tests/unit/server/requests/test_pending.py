"""Who waits for which job, and what becomes of those nobody waits for any more."""

from __future__ import annotations

import asyncio

import pytest

from broker.messages import RECORD, REQUEST, Failure, FailureCode, Result, Timing
from server.codecs.contract import Piece, Plan
from server.errors import Problem
from server.requests.request import Record
from tests.unit.server.requests.parts import result
from tests.unit.server.stand_in import WordCodec, card

pytestmark = pytest.mark.anyio


async def test_a_refused_request_raises_why(parts):
    with parts.expect("one") as request:
        request.refuse(Problem("contended", "7 jobs wait already"))

        with pytest.raises(Problem, match="7 jobs wait already"):
            await request


async def test_a_request_is_over_with_the_last_of_its_outcomes(parts):
    with parts.expect("one two") as request:
        parts.pending.admit(request)
        first, second = parts.jobs()
        parts.pending.settle([result(second)])
        arrived_early = not request.is_awaited
        parts.pending.settle([result(first)])

        await request

        assert not arrived_early


async def test_outputs_stand_in_the_order_of_the_pieces(parts):
    with parts.expect("one two") as request:
        parts.pending.admit(request)
        first, second = parts.jobs()

        parts.pending.settle([result(second, "2"), result(first, "1")])

        assert request.records[0].in_order() == ["1", "2"]


async def test_the_first_outcome_of_a_job_wins(parts):
    with parts.expect("one two") as request:
        parts.pending.admit(request)
        first, _ = parts.jobs()

        parts.pending.settle([result(first, "first"), result(first, "second")])

        assert (request.records[0].outputs, request.left) == ({first.id: "first"}, 1)


async def test_outcomes_nobody_waits_for_are_counted_and_ignored(parts):
    parts.pending.settle([Result(job_id="0" * 32, output="late")])

    assert parts.pending.unclaimed == 1


async def test_the_timing_is_that_of_the_job_that_took_longest(parts):
    times = [{"queue": 0.5}, {"queue": 0.2, "window": 0.2, "compute": 0.2}, {"window": 0.5}, {"compute": 0.5}]
    with parts.expect("one two three four") as request:
        parts.pending.admit(request)
        jobs = parts.jobs()

        parts.pending.settle([result(job, **each) for job, each in zip(jobs, times, strict=True)])

        assert request.timing == Timing(**times[1])


async def test_jobs_are_forgotten_when_their_request_is_over(parts):
    with parts.expect("one") as request:
        parts.pending.admit(request)
        (job,) = parts.jobs()

    parts.pending.settle([result(job)])

    assert parts.pending.unclaimed == 1


async def test_what_is_left_of_a_request_that_is_over_is_cancelled_by_one_id(parts):
    with parts.expect("one two", *["three"] * 50, seconds=60.0) as request:
        parts.pending.admit(request)
        deadline = parts.clock() + 60.0
        first, *others = parts.jobs()
        parts.pending.settle([result(first)])
        parts.clock.tick(20.0)

    [(cancel, known)] = parts.take()[1].items()
    assert (cancel.model, known) == (card().key, deadline)
    assert all(job.id.startswith(cancel.ids) for job in others)


async def test_the_ids_of_a_request_s_jobs_name_it_and_their_records_and_nobody_else_s(parts):
    with parts.expect("one two", "three") as request, parts.expect("four") as other:
        parts.pending.admit(request)
        parts.pending.admit(other)
        one, two, three, four = (job.id for job in parts.jobs())

    assert one[:RECORD] == two[:RECORD] != three[:RECORD]
    assert one[:REQUEST] == three[:REQUEST] != four[:REQUEST]
    assert len({one, two, three, four}) == 4
    assert {len(id) for id in (one, two, three, four)} == {32}


async def test_a_failed_piece_cancels_its_record_and_no_other(parts):
    with parts.expect("one two", "three four") as request:
        parts.pending.admit(request)
        jobs = parts.jobs()

        parts.pending.settle([Failure(job_id=jobs[0].id, code=FailureCode.MODEL_ERROR, message="no")])

        assert [cancel.ids for cancel in parts.take()[1]] == [jobs[1].id[:RECORD]]


async def test_a_failed_piece_fails_its_record_and_no_other(parts):
    with parts.expect("one two", "three") as request:
        parts.pending.admit(request)
        first, _, third = parts.jobs()

        parts.pending.settle([Failure(job_id=first.id, code=FailureCode.POISON, message="no"), result(third)])

        assert [record.problem and record.problem.code for record in request.records] == ["poison", None]
        assert not request.is_awaited


async def test_what_still_waits_is_pushed_again_under_the_same_ids(parts):
    with parts.expect("one two") as request:
        parts.pending.admit(request)
        first, second = parts.jobs()
        parts.pending.settle([result(first)])

        parts.pending.push_again()

        assert parts.jobs() == [second]


async def test_what_no_trip_has_taken_yet_is_not_pushed_twice(parts):
    with parts.expect("one") as request:
        parts.pending.admit(request)

        parts.pending.push_again()

        assert len(parts.jobs()) == 1


async def test_a_refusal_that_comes_too_late_to_be_raised_is_no_complaint_of_the_loop(parts):
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

    with parts.expect("one") as request:
        request.refuse(Problem("contended", "too late"))
    del request

    assert complaints == []


async def test_waiting_is_in_the_order_of_arrival(parts):
    with parts.expect("one") as first, parts.expect("two") as second:
        assert list(parts.pending.waiting) == [first, second]


async def test_who_waits_shows_no_text_in_a_traceback(parts):
    with parts.expect("secret") as request, pytest.raises(KeyError) as missed:
        {}[request, request.records[0]]

    assert "secret" not in str(missed.value)


def test_a_plan_without_pieces_is_no_job():
    record = Record("", WordCodec(card(), {}), Plan(pieces=()))

    assert record.in_order() == []


def test_a_piece_is_what_the_codec_made():
    assert WordCodec(card(), {}).encode("one", {}).pieces == [Piece(input="r1:one", cost=3)]
