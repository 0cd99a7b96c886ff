"""Whoever wants each record as it ends is told of it once, however it ends."""

from __future__ import annotations

import asyncio

import pytest

from broker.messages import Failure, FailureCode
from tests.unit.server.requests.parts import result, served

pytestmark = pytest.mark.anyio


def told_of(request):
    """The records that have ended so far, and "over"."""
    told = []
    request.tell(told.append, lambda: told.append("over"))
    return told


async def test_a_record_ends_with_its_last_piece(parts):
    with parts.expect("one two", "three") as request:
        told = told_of(request)
        parts.pending.admit(request)
        one, two, three = parts.jobs()
        long, short = request.records

        parts.pending.settle([result(two), result(three)])
        assert told == [short]

        parts.pending.settle([result(one), result(one)])
        await asyncio.sleep(0)
        assert told == [short, long, "over"]


async def test_a_record_ends_with_its_first_failure(parts):
    with parts.expect("one two", "three") as request:
        told = told_of(request)
        parts.pending.admit(request)
        one, two, _ = parts.jobs()

        parts.pending.settle([Failure(job_id=one.id, code=FailureCode.POISON, message="it crashed"), result(two)])

        assert told == [request.records[0]]


async def test_a_refusal_ends_the_request_and_no_record(parts):
    with parts.expect("one") as request:
        told = told_of(request)

        request.refuse(parts.breaker.problem())
        await asyncio.sleep(0)

        assert told == ["over"]


async def test_a_record_that_the_next_revision_cannot_compute_ends_when_that_is_known(parts):
    with parts.expect("impossible soon", "fine") as request:
        told = told_of(request)
        parts.pending.admit(request)
        parts.take()
        request.records[0].input = "impossible"  # to the codec of the next revision

        await parts.reencoder.reencode(request, served("r2"))

        assert told == [request.records[0]]
        assert told[0].problem.code == "invalid_input"
