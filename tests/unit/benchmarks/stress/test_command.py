"""The stress test counts what was answered, and says it in one closing line."""

from __future__ import annotations

import json

import httpx2
import pytest

from benchmarks.lib.loops import Call
from benchmarks.stress.command import Plan, closing_line, read_arguments, read_plan, report, run

pytestmark = pytest.mark.anyio

PLAN = Plan(url="http://front-end", pay_size=2, num_req=3, sleep=0.0, timeout=5.0)


def call(took: float, outcome: str = "200") -> Call:
    return Call(due=0.0, sent=0.0, ended=took, outcome=outcome)


async def calls_against(answer: object, status: int = 200) -> list[Call]:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, json=answer))
    async with httpx2.AsyncClient(transport=transport) as client:
        return await run(PLAN, client)


async def test_every_request_carries_as_many_records_as_asked_for():
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(json.loads(request.content)["payload"]["records"])
        return httpx2.Response(200, json={"result": []})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        await run(PLAN, client)

    assert [len(records) for records in seen] == [2, 2, 2]


async def test_a_full_answer_counts():
    calls = await calls_against({"result": [{"id": "0", "text": "…"}, {"id": "1", "text": "…"}]})

    assert [call.outcome for call in calls] == ["200", "200", "200"]


async def test_an_answer_with_a_record_missing_does_not_count():
    calls = await calls_against({"result": [{"id": "0", "text": "…"}]})

    assert {call.outcome for call in calls} == {"200, records missing"}


async def test_a_record_that_failed_does_not_count():
    calls = await calls_against({"result": [{"id": "0", "text": "…"}, {"id": "1", "error": {"code": "poison"}}]})

    assert {call.outcome for call in calls} == {"200, records missing"}


async def test_a_refusal_is_named_by_its_status():
    calls = await calls_against({"code": "no_batcher"}, status=503)

    assert [call.outcome for call in calls] == ["503", "503", "503"]


async def test_a_server_that_is_not_there_is_an_outcome_too():
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(refuse)) as client:
        calls = await run(PLAN, client)

    assert {call.outcome for call in calls} == {"ConnectError"}


def test_the_closing_line_gives_share_mean_min_and_max():
    line = closing_line([call(0.25), call(0.5), call(9.0, "504")])

    assert line == "66 % of 3 requests answered, mean 0.38 s, min 0.25 s, max 0.50 s"


def test_the_closing_line_never_rounds_up_to_a_hundred():
    line = closing_line([call(1.0)] * 999 + [call(1.0, "503")])

    assert line.startswith("99 % of 1000 requests answered")


def test_the_closing_line_has_no_times_when_nothing_was_answered():
    line = closing_line([call(60.0, "no answer within 60 s")])

    assert line == "0 % of 1 requests answered"


def test_the_report_counts_failures_by_what_they_were():
    text = report([call(1.0), call(2.0, "503"), call(2.0, "503")])

    assert "2 × 503" in text.splitlines()


def test_the_flags_are_those_of_the_original():
    plan = read_plan(read_arguments(["--pay-size", "16", "--num-req", "100", "--sleep", "0.1"]))

    assert (plan.pay_size, plan.num_req, plan.sleep) == (16, 100, 0.1)
