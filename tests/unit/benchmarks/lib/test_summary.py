"""What a run of calls comes to."""

from __future__ import annotations

import pytest

from benchmarks.lib.loops import UNSENT, Call
from benchmarks.lib.summary import percentile, spread, summarise, text

TIMING = b'queue;dur=%.2f, window;dur=0.50, compute;dur=10.00, return;dur=1.25, batch;desc="%d"'


def call(due: float, took: float = 0.01, outcome: str = "200", *, late: float = 0.0, timing: bytes = b"") -> Call:
    return Call(due, due + late, due + took, outcome, timing)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        pytest.param(0.5, 50, id="half of a hundred do not exceed the fiftieth"),
        pytest.param(0.9, 90, id="p90"),
        pytest.param(0.99, 99, id="p99 is the 99th of a hundred, not the last"),
        pytest.param(1.0, 100, id="all"),
        pytest.param(0.0, 1, id="none"),
        pytest.param(0.505, 51, id="between two values the upper one"),
    ],
)
def test_percentiles_are_values_that_were_measured(share, expected):
    assert percentile(range(1, 101), share) == expected


def test_the_percentile_of_one_value_is_that_value():
    assert percentile([7.0], 0.99) == 7.0


def test_a_spread_is_in_milliseconds():
    assert spread([0.002, 0.001, 0.004]).max == 4.0


def test_nothing_has_no_spread():
    assert spread([]) is None


def test_the_warm_up_is_not_measured():
    summary = summarise([call(0.5, took=9.0), call(1.5, took=0.02)], warm_up=1.0, duration=1.0)

    assert (summary.due, summary.latency.max) == (1, pytest.approx(20.0))


def test_a_second_counts_the_answers_that_came_in_it():
    calls = [call(0.9, took=0.2), call(1.5), call(1.95, took=0.2)]

    summary = summarise(calls, warm_up=1.0, duration=1.0)

    assert summary.per_second == 2.0


def test_every_outcome_is_counted():
    calls = [call(0.0), call(0.1, outcome="503"), call(0.2, outcome="503"), call(0.3, outcome="timeout")]

    summary = summarise(calls, warm_up=0.0, duration=1.0)

    assert summary.statuses == {"503": 2, "200": 1, "timeout": 1}


def test_what_was_not_sent_was_not_answered_either():
    calls = [call(0.0), call(0.1), call(0.2), call(0.3, outcome=UNSENT, late=5.0)]

    summary = summarise(calls, warm_up=0.0, duration=1.0)

    assert (summary.answered_share, summary.unsent_share, summary.lateness.max) == (0.75, 0.25, 0.0)


def test_only_answers_have_a_latency():
    summary = summarise([call(0.0), call(0.1, took=60.0, outcome="504")], warm_up=0.0, duration=1.0)

    assert summary.latency.max == pytest.approx(10.0)


def test_server_timing_gives_the_mean_of_every_stage():
    calls = [call(0.0, timing=TIMING % (2.0, 8)), call(0.1, timing=TIMING % (4.0, 16))]

    summary = summarise(calls, warm_up=0.0, duration=1.0)

    assert summary.stages == {"queue": 3.0, "window": 0.5, "compute": 10.0, "return": 1.25}


def test_server_timing_gives_the_batch_that_requests_met():
    calls = [call(0.0, timing=TIMING % (2.0, 8)), call(0.1, timing=TIMING % (4.0, 16))]

    assert summarise(calls, warm_up=0.0, duration=1.0).batch_size == 12.0


def test_a_server_that_tells_no_timing_can_be_measured():
    summary = summarise([call(0.0)], warm_up=0.0, duration=1.0)

    assert (summary.batch_size, summary.stages) == (None, {})


def test_a_hundred_percent_is_never_rounded_up_to():
    calls = [*(call(0.1) for _ in range(99_999)), call(0.2, outcome="503")]

    shown = text(summarise(calls, warm_up=0.0, duration=1.0))

    assert "99.99 % of 100000" in shown


def test_a_run_without_an_answer_can_be_shown():
    assert "0 % of 1" in text(summarise([call(0.0, outcome="503")], warm_up=0.0, duration=1.0))


def test_goodput_counts_only_answers_within_the_slo():
    calls = [call(0.0, took=0.1), call(0.1, took=0.3), call(0.2, took=0.1, outcome="503")]

    assert summarise(calls, warm_up=0.0, duration=1.0, slo=0.2).goodput == 1.0


def test_the_share_within_the_slo_is_of_what_was_due_whenever_it_was_answered():
    calls = [call(0.0, took=0.1), call(1.9, took=0.2), call(1.9, took=0.3), call(0.5, took=0.1, outcome="500")]

    summary = summarise(calls, warm_up=0.0, duration=2.0, slo=0.2001)

    assert (summary.within_slo, summary.due, summary.seconds) == (0.5, 4, 2.0)
    assert summarise(calls, warm_up=0.0, duration=2.0).within_slo is None


def test_without_an_slo_there_is_no_goodput():
    assert summarise([call(0.0)], warm_up=0.0, duration=1.0).goodput is None


def test_batch_sizes_are_counted_smallest_first():
    calls = [call(0.0, timing=TIMING % (1, size)) for size in (16, 2, 16)]

    assert list(summarise(calls, warm_up=0.0, duration=1.0).batch_sizes.items()) == [("2", 1), ("16", 2)]


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        pytest.param([call(0.0, took=0.1, late=0.02)], "sent up to 20.00 ms late", id="late by a fifth of the median"),
        pytest.param([call(0.0), call(0.1, outcome=UNSENT)], "1 request(s) were never sent", id="never sent"),
    ],
)
def test_a_client_that_was_the_limit_is_named(calls, said):
    shown = text(summarise(calls, warm_up=0.0, duration=1.0))

    assert "CLIENT LIMIT" in shown
    assert said in shown


def test_a_client_that_was_hardly_late_is_no_limit():
    assert summarise([call(0.0, took=0.1, late=0.005)], warm_up=0.0, duration=1.0).client_limit == ""


def test_a_client_that_fills_a_core_is_named():
    assert "0.95 of a core" in summarise([call(0.0)], 0.0, 1.0, busy=0.95).client_limit
    assert summarise([call(0.0)], 0.0, 1.0, busy=0.5).client_limit == ""
