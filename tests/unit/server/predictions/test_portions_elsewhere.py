"""A portion of a large request that has no room at its revision goes to another one, where that need not answer all."""

from __future__ import annotations

import asyncio

import pytest

from broker.admin.traffic import shared_out
from broker.messages import WHOLE, FailureCode, Lane, Verdict
from server.codecs.encoding import encode_all
from server.codecs.work import Work
from server.dialects.contract import Call
from server.dialects.native import ByName
from server.http.context import RequestContext
from server.predictions.large import progress, pump
from server.predictions.large.pump import Pump
from server.requests.request import Record
from tests.unit.server.predictions.test_pump import TEXTS, Slow
from tests.unit.server.stand_in import card, running

pytestmark = pytest.mark.anyio


class Full(Slow):
    """Its old revision has no room for the first so many requests."""

    refusals = 5

    async def admit(self, sequence, requests, cancelled):
        said = await super().admit(sequence, requests, cancelled)
        if self.refusals and any(one.model == "echo@r1" for one in requests):
            self.refusals -= 1
            return [Verdict(refusal=FailureCode.CONTENDED, waiting=1) for _ in requests]
        return said


@pytest.mark.parametrize(("row_ids", "revisions"), [(range(40), {"r1", "r2"}), (None, {"r1"})])
async def test_portions_that_have_no_room_go_to_another_revision_where_that_need_not_be_one(
    monkeypatch, row_ids, revisions
):
    monkeypatch.setattr(pump, "whole_seconds", lambda wait: 0)
    monkeypatch.setattr(progress, "PERIOD", 0.0)
    shares = {"echo": shared_out(None, {"r1": WHOLE // 2}, "")}
    async with running(Full(card(), card(revision="r2"), traffic=shares)) as jitney:
        front_end = jitney.front_end
        served = front_end.directory.named("echo@r1", 0.0)
        plans = encode_all(served.codec, TEXTS, {}, Work())
        records = [Record(text, served.codec, plan) for text, plan in zip(TEXTS, plans, strict=True)]
        call, until = Call(ByName(), served, TEXTS, {}, row_ids=row_ids), front_end.clock() + 60.0
        context = RequestContext(b"", 0.0, {})

        computing = asyncio.create_task(
            Pump("id", front_end, {}).compute(call, records, until, Lane.BULK, Work(), context)
        )
        while not computing.done():
            jitney.broker.answer(3)
            await asyncio.sleep(0)

        await computing
        assert {model.partition("@")[2] for model in context.model.decode().split(", ")} == revisions
