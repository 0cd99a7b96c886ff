"""Whether an SLO was kept: what is late, and what a growing queue looks like before it is late."""

from __future__ import annotations

import pytest

from benchmarks.lib.loops import UNSENT, Call
from benchmarks.load.command import Plan, read_plan
from benchmarks.tuning.tune.trial import BEHIND, behind, late_share


@pytest.fixture
def plan() -> Plan:
    return read_plan(["--rate", "100", "--duration", "10", "--warm-up", "1"])[0]


def calls(rate: float, carried: float, latency: float = 0.05) -> list[Call]:
    """`rate` a second for eleven seconds, of whom `carried` are answered each second."""
    dues = [number / rate for number in range(round(11 * rate))]
    slow = max(0.0, rate / carried - 1)
    return [Call(due=due, sent=due, ended=due + latency + due * slow, outcome="200") for due in dues]


def test_what_comes_within_the_slo_is_not_late(plan):
    assert late_share(calls(100.0, 100.0), plan, 0.2) == 0.0


def test_what_fails_or_was_never_sent_is_late(plan):
    refused = [Call(due=2.0, sent=2.0, ended=2.0, outcome=outcome) for outcome in ("503", "timeout", UNSENT)]

    assert late_share([*calls(100.0, 100.0)[:100], *refused], plan, 0.2) == 1.0


def test_the_warm_up_does_not_count(plan):
    slow = Call(due=0.5, sent=0.5, ended=5.0, outcome="200")

    assert late_share([slow, *calls(100.0, 100.0)], plan, 0.2) == 0.0


def test_a_server_that_keeps_up_is_not_behind_however_slow(plan):
    assert behind(calls(100.0, 100.0, latency=0.9), plan) == pytest.approx(0.0, abs=0.01)


def test_a_queue_that_grows_is_seen_before_an_slo_is_broken(plan):
    overloaded = calls(110.0, 100.0)

    assert (late_share(overloaded, plan, 5.0), behind(overloaded, plan) > BEHIND) == (0.0, True)


def test_where_nothing_was_due_all_is_late_and_nothing_behind(plan):
    assert (late_share([], plan, 0.2), behind([], plan)) == (1.0, 0.0)
