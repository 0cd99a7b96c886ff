"""What a caller's key allows goes with its requests, and what the broker says of it comes back."""

from __future__ import annotations

import pytest

from broker.messages import REQUEST, Allowance, FailureCode, Lane, Policy, Running, Verdict
from server.callers.caller import Caller
from server.callers.limits import rate_limit_headers
from server.errors import LONGEST_RETRY, Problem, headers
from server.http.context import RequestContext
from server.requests.admission import Admission
from server.requests.refusals import refusal
from server.requests.request import Record
from server.requests.writer import Writer
from tests.unit.server.requests.parts import Parts
from tests.unit.server.stand_in import ScriptedBroker

pytestmark = pytest.mark.anyio
JOBS = Policy(name="jobs", unit="jobs", quota=600, window=60.0)
TOKENS = Policy(name="tokens", unit="tokens", quota=9000, window=60.0)
AT_ONCE = Policy(name="concurrency", unit="requests", quota=4, window=0.0, kind="concurrency")
DAY = Policy(name="jobs-day", unit="jobs", quota=50, window=86_400.0, kind="day")


def asker(**fields: object) -> RequestContext:
    context = RequestContext(b"abc", 0.0, {})
    context.caller = Caller(id="ada", **fields)
    return context


def asked(parts: Parts, who: RequestContext, lane: Lane = Lane.INTERACTIVE):
    records = [Record("one", parts.codec, parts.codec.encode("one", {}))]
    return parts.pending.expect(parts.served, records, {}, parts.clock() + 60.0, lane, asker=who)


@pytest.fixture
def parts(clock):
    return Parts(clock)


async def test_an_admission_carries_its_caller_turn_and_policies(parts):
    with asked(parts, asker(list=3, weight=2, policies=(JOBS,))) as request:
        parts.pending.admit(request)
        [admission] = parts.take()[0]
        message = Admission.of(request, admission.jobs).message(parts.clock())

        assert (message.caller, message.list, message.weight) == ("ada", 3, 2)
        assert admission.message(parts.clock()).policies == (JOBS,)
        assert admission.jobs[0].meta["caller"] == "ada"


async def test_what_is_brought_again_is_not_charged_again(parts):
    with asked(parts, asker(policies=(JOBS,))) as request:
        request.may_be_queued = True
        parts.pending.push(request)
        [admission] = parts.take()[0]

        assert admission.message(parts.clock()).policies == ()


async def test_the_end_of_a_request_that_counts_is_told_under_the_ids_it_was_charged_for(parts):
    with asked(parts, asker(policies=(AT_ONCE,))) as request:
        parts.pending.admit(request)
        [admission] = parts.take()[0]
        admission.message(parts.clock())
        charged = admission.jobs[0].id[:REQUEST]
        request.ids = "f" * REQUEST  # encoded anew

    assert Running(caller="ada", ids=charged) in parts.take()[1]


async def test_one_that_was_refused_ends_silently_but_for_what_was_charged_before(parts):
    for brought_again in (False, True):
        with asked(parts, asker(policies=(AT_ONCE,))) as request, pytest.raises(Problem):
            parts.pending.admit(request)
            [admission] = parts.take()[0]
            admission.message(parts.clock())
            if brought_again:
                admission = Admission.of(request, admission.jobs)
                assert admission.is_again
            admission.refuse(Problem("rate_limited", "no"))
            await request
        ended = [one for one in parts.take()[1] if isinstance(one, Running)]
        assert len(ended) == brought_again


async def test_one_that_never_went_out_ends_silently(parts):
    with asked(parts, asker(policies=(AT_ONCE,))) as request:
        parts.pending.admit(request)

    assert parts.take()[1] == {}


async def test_a_lane_that_a_key_may_not_use_is_refused(parts):
    who = asker(lanes=frozenset({Lane.BULK}))

    with pytest.raises(Problem) as caught, asked(parts, who) as request:
        parts.pending.admit(request)

    assert caught.value.code == "not_allowed"


async def test_the_verdict_reaches_whoever_asked(parts):
    who, broker = asker(policies=(JOBS,)), ScriptedBroker()
    allowances = (Allowance(left=599, reset=0.1),)

    async def admit(sequence, requests, cancelled):
        return [Verdict(waiting=1, allowances=allowances)]

    broker.admit = admit
    with asked(parts, who) as request:
        parts.pending.admit(request)
        writer = Writer(parts.outbox, parts.breaker, parts.clock)
        await writer._deliver(broker, *parts.take())

    assert who.allowances == allowances


async def test_a_refusal_names_the_policy_and_the_wait(parts):
    verdict = Verdict(refusal=FailureCode.RATE_LIMITED, policy=1, allowances=[Allowance(left=9, reset=1.0)] * 2)

    with asked(parts, asker(policies=(JOBS, TOKENS))) as request:
        problem = refusal(request, verdict, 60.0)

    assert (problem.code, problem.status, problem.retry_after) == ("rate_limited", 429, 1.0)
    assert problem.detail == "This caller may ask for 9000 tokens a minute; there is room again in 1 s."
    assert problem.extra["violated-policies"] == ["tokens"]
    assert problem.extra["type"].endswith("#quota-exceeded")


def test_headers_are_those_of_the_draft():
    left = [(540, 5.2), (1, 9.0), (3, 0.0), (0, 7.0)]
    told = rate_limit_headers(
        (JOBS, TOKENS, AT_ONCE, DAY), [Allowance(left=count, reset=reset) for count, reset in left]
    )

    assert dict(told) == {
        b"ratelimit-policy": b'"jobs";q=600;w=60;qu="jitney-jobs", "tokens";q=9000;w=60;qu="jitney-tokens", '
        b'"concurrency";q=4;qu="concurrent-requests", "jobs-day";q=50;w=86400;qu="jitney-jobs"',
        b"ratelimit": b'"jobs";r=540;t=6, "tokens";r=1;t=9, "concurrency";r=3;t=0, "jobs-day";r=0;t=7',
    }


def test_only_a_quota_sends_a_client_away_for_hours():
    waits = {
        code: int(dict(headers(Problem(code, "", retry_after=7200.0), 0))[b"retry-after"])
        for code in ("rate_limited", "contended")
    }

    assert waits == {"rate_limited": 7200, "contended": LONGEST_RETRY}


@pytest.mark.parametrize(("name", "may"), [("minilm", True), ("demo-2", True), ("demo", False), ("other", False)])
def test_models_are_named_with_patterns(name, may):
    assert Caller(models=("minilm", "demo-*")).may_use(name) is may
