"""What Prometheus reads."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from broker.common.numbers.histogram import Histogram
from broker.messages import FailureCode, Result, Verdict
from server.collector import collectors
from server.metrics import BUCKETS, MOST_CALLERS, OTHERS, Metrics
from tests.unit.server.stand_in import ScriptedBroker, running

pytestmark = pytest.mark.anyio


def samples(jitney):
    """Every sample by its name and labels, as a scrape would see it."""
    lines = generate_latest(collectors(jitney.front_end)).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


async def test_requests_are_counted_by_route_method_and_status():
    async with running() as jitney:
        await jitney.ask("life")
        await jitney.ask("life", path="/models/unheard-of")

        read = samples(jitney)
        assert read['jitney_http_requests_total{method="POST",route="/models/{name}",status="200"}'] == 1
        assert read['jitney_http_requests_total{method="POST",route="/models/{name}",status="404"}'] == 1


async def test_an_address_nobody_serves_is_no_label():
    async with running() as jitney:
        await jitney.client.get("/secret/path")

        assert samples(jitney)['jitney_http_requests_total{method="GET",route="unmatched",status="404"}'] == 1


async def test_an_invented_model_is_no_label():
    async with running() as jitney:
        await jitney.ask("life", path="/models/invented")

        assert not [name for name in samples(jitney) if "invented" in name]


async def test_an_invented_method_is_no_label():
    async with running() as jitney:
        await jitney.client.request("BREW", "/translation")

        assert samples(jitney)['jitney_http_requests_total{method="OTHER",route="/translation",status="405"}'] == 1


async def test_a_client_that_hung_up_is_counted_as_499(monkeypatch):
    monkeypatch.setattr("server.http.deadline.LATE", 60.0)  # from the start
    async with running(ScriptedBroker(answers=False)) as jitney:
        await jitney.hang_up_on("life")

        assert samples(jitney)['jitney_http_requests_total{method="POST",route="/models/{name}",status="499"}'] == 1


async def test_durations_are_measured_by_route(clock):
    async with running(clock=clock) as jitney:
        await jitney.ask("life")

        assert samples(jitney)['jitney_http_request_duration_seconds_count{route="/models/{name}"}'] == 1


@pytest.mark.parametrize(("stage", "seconds"), [("queue", 0.003), ("window", 0.001), ("compute", 0.0214)])
async def test_stages_are_measured_by_model(stage, seconds):
    async with running() as jitney:
        await jitney.ask("life")

        read = samples(jitney)
        assert read[f'jitney_request_stage_duration_seconds_sum{{model="echo",stage="{stage}"}}'] == seconds


async def test_the_return_is_a_stage_too():
    async with running() as jitney:
        await jitney.ask("life")

        assert samples(jitney)['jitney_request_stage_duration_seconds_count{model="echo",stage="return"}'] == 1


async def test_refusals_are_counted_by_their_reason():
    async with running(ScriptedBroker(verdict=Verdict(refusal=FailureCode.CONTENDED))) as jitney:
        await jitney.ask("life")

        assert samples(jitney)['jitney_requests_rejected_total{reason="contended"}'] == 1


def test_refusals_of_known_callers_are_counted_and_their_series_are_bounded():
    metrics = Metrics()

    for number in range(150):
        metrics.refused_caller(f"caller{number}", "rate_limited")
    for address in ("a", "b"):
        metrics.refused_caller(f"caller1@{address}", "contended")
    metrics.refused_caller("caller1", "malformed")  # its own fault, and no matter of who asks

    assert metrics.caller_rejected["caller1", "rate_limited"] == 1
    assert metrics.caller_rejected["caller1", "contended"] == 2
    assert metrics.caller_rejected[OTHERS, "rate_limited"] == 50
    assert len({caller for caller, _ in metrics.caller_rejected}) == MOST_CALLERS + 1


async def test_without_keys_no_caller_has_series():
    async with running(ScriptedBroker(verdict=Verdict(refusal=FailureCode.CONTENDED))) as jitney:
        await jitney.ask("life")

        assert not [name for name in samples(jitney) if name.startswith(("jitney_caller", "jitney_keys"))]


async def test_a_crash_is_counted_as_internal(monkeypatch):
    def explode(*arguments):
        raise RuntimeError

    async with running() as jitney:
        monkeypatch.setattr(jitney.front_end.pending, "expect", explode)
        await jitney.ask("life")

        assert samples(jitney)['jitney_requests_rejected_total{reason="internal"}'] == 1


async def test_failed_records_are_counted_by_model_and_code():
    async with running() as jitney:
        await jitney.ask("a", "impossible", "fail:poison")

        read = samples(jitney)
        assert read['jitney_records_failed_total{code="invalid_input",model="echo"}'] == 1
        assert read['jitney_records_failed_total{code="poison",model="echo"}'] == 1


async def test_unknown_tokens_are_counted_by_model():
    async with running() as jitney:
        await jitney.ask("a ? ?", "?")

        assert samples(jitney)['jitney_unknown_tokens_total{model="echo"}'] == 3


async def test_truncated_records_are_counted_by_model():
    async with running() as jitney:
        await jitney.ask("a cut", "cut", "whole")

        assert samples(jitney)['jitney_records_truncated_total{model="echo"}'] == 2


async def test_answered_records_are_counted_by_revision():
    async with running() as jitney:
        await jitney.ask("a", "fail:poison", "b")

        assert samples(jitney)['jitney_records_answered_total{model="echo",revision="r1"}'] == 2


async def test_degenerate_records_are_counted_by_model():
    async with running() as jitney:
        await jitney.ask("a loop", "whole", "loop")

        assert samples(jitney)['jitney_records_degenerate_total{model="echo"}'] == 2


async def test_those_who_wait_are_a_gauge():
    async with running(ScriptedBroker(answers=False)) as jitney, jitney.asked("life"):
        assert samples(jitney)["jitney_requests_waiting"] == 1


async def test_outcomes_nobody_waited_for_are_counted():
    async with running() as jitney:
        jitney.front_end.pending.settle([Result(job_id="0" * 32, output="late")])

        assert samples(jitney)["jitney_outcomes_unclaimed_total"] == 1


@pytest.mark.parametrize(("is_up", "value"), [(True, 1.0), (False, 0.0)])
async def test_the_broker_is_up_or_not(is_up, value):
    async with running() as jitney:
        if not is_up:
            jitney.front_end.tasks.breaker.open()

        assert samples(jitney)["jitney_broker_up"] == value


async def test_the_version_is_told():
    async with running() as jitney:
        assert any(name.startswith("jitney_build_info{version=") for name in samples(jitney))


async def test_every_own_metric_begins_with_jitney():
    async with running() as jitney:
        await jitney.ask("life")

        strangers = {name for name in samples(jitney) if not name.startswith(("jitney_", "process_"))}

        assert strangers == set()


@pytest.mark.parametrize(
    ("seconds", "bound"), [(0.0, "0.001"), (0.001, "0.001"), (0.0011, "0.0025"), (60.0, "60.0"), (61.0, "+Inf")]
)
def test_a_duration_falls_into_the_first_bucket_that_holds_it(seconds, bound):
    histogram = Histogram(BUCKETS)

    histogram.observe(seconds)

    assert next(name for name, count in histogram.buckets() if count) == bound


def test_buckets_are_cumulative():
    histogram = Histogram(BUCKETS)

    for seconds in (0.0005, 0.002, 100.0):
        histogram.observe(seconds)

    counts = [count for _, count in histogram.buckets()]
    assert (counts[0], counts[1], counts[-2], counts[-1]) == (1, 2, 2, 3)
    assert len(counts) == len(BUCKETS) + 1
