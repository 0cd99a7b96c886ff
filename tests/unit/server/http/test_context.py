"""What a request's context knows of its trace and its caller, and what of it goes with the jobs."""

from __future__ import annotations

import pytest

from server.callers.caller import Caller
from server.http.context import RequestContext, identity
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running

pytestmark = pytest.mark.anyio

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
KNOWN = f"-{TRACE_ID}-00f067aa0ba902b7-01"


def context(sent: str | None = None) -> RequestContext:
    headers = {} if sent is None else {b"traceparent": sent.encode("latin-1")}
    return RequestContext(b"abc", 0.0, headers)


@pytest.mark.parametrize(
    ("sent", "trace"),
    [
        pytest.param(f"00{KNOWN}", f"00{KNOWN}", id="as it was sent"),
        pytest.param(f"cc{KNOWN}", f"00{KNOWN}", id="of a later version what we know of it"),
        pytest.param(f"cc{KNOWN}-later{'x' * 9_000}", f"00{KNOWN}", id="and no more of it, however long it is"),
        pytest.param(f"cc{KNOWN}later", "", id="a later version goes on after a dash only"),
        pytest.param(f"00{KNOWN}-later", "", id="version 00 does not go on"),
        pytest.param(f"ff{KNOWN}", "", id="there is no version ff"),
        pytest.param(f"00-{'0' * 32}-00f067aa0ba902b7-01", "", id="a trace of zeros is none"),
        pytest.param(f"00-{TRACE_ID}-{'0' * 16}-01", "", id="nor is a parent of zeros"),
        pytest.param(f"00{KNOWN}".upper(), "", id="capitals are not read"),
        pytest.param(f"00{KNOWN}\xe9", "", id="nor is what is no ASCII"),
        pytest.param("", "", id="an empty one"),
        pytest.param(None, "", id="none"),
    ],
)
def test_a_trace_is_read_as_w3c_has_it(sent, trace):
    assert context(sent).trace == trace


def test_the_request_s_id_goes_with_its_jobs():
    assert context().meta == {"request_id": "abc"}
    assert context("00-nonsense").meta == {"request_id": "abc"}


def test_a_caller_who_has_a_name_is_in_the_meta_and_in_the_log():
    named = context(f"00{KNOWN}")
    named.caller = Caller(id="ada")

    assert named.meta == {"request_id": "abc", "traceparent": f"00{KNOWN}", "caller": "ada"}
    assert identity({"context": named}) == {"request_id": "abc", "trace_id": TRACE_ID, "caller": "ada"}


def test_an_anonymous_one_is_in_neither():
    assert context(f"00{KNOWN}").meta == {"request_id": "abc", "traceparent": f"00{KNOWN}"}
    assert identity({"context": context()}) == {"request_id": "abc"}


async def test_id_and_trace_go_with_every_job_of_a_request():
    longest = "x" * 128
    async with running() as jitney:
        await jitney.ask("one two", "three", headers={"traceparent": f"00{KNOWN}", "X-Request-ID": longest})
        answer = await jitney.ask("four")

        *traced, untraced = jitney.broker.jobs
        assert [job.meta for job in traced] == [{"request_id": longest, "traceparent": f"00{KNOWN}"}] * 3
        assert untraced.meta == {"request_id": answer.headers["x-request-id"]}


async def test_what_vendors_say_of_it_goes_with_it_from_all_its_parts():
    sent = [("traceparent", f"00{KNOWN}"), ("tracestate", "b=1,"), ("tracestate", "a@c=2 , d=3")]
    async with running() as jitney:
        await jitney.ask("one", headers=[*sent, ("X-Request-ID", "abc")])
        await jitney.ask("two", headers=[("tracestate", "b=1"), ("X-Request-ID", "abc")])

        traced, untraced = jitney.broker.jobs
        assert traced.meta == {"request_id": "abc", "traceparent": f"00{KNOWN}", "tracestate": "b=1,a@c=2,d=3"}
        assert untraced.meta == {"request_id": "abc"}


async def test_jobs_that_are_encoded_anew_keep_both():
    headers = {"traceparent": f"00{KNOWN}", "X-Request-ID": "abc"}
    async with running(ScriptedBroker(answers=False)) as jitney, jitney.asked("one", headers=headers) as asking:
        jitney.broker.answers = True
        jitney.broker.announcements = [announced(card(revision="r2"), since=2.0), announced(card(), batchers=0)]
        await jitney.look()
        await asking

        assert [job.meta for job in jitney.broker.jobs] == [{"request_id": "abc", "traceparent": f"00{KNOWN}"}] * 2


async def test_of_two_ids_the_first_is_the_request_s():
    async with running() as jitney:
        answer = await jitney.client.get("/livez", headers=[("X-Request-ID", "one"), ("X-Request-ID", "two")])

        assert answer.headers["x-request-id"] == "one"
