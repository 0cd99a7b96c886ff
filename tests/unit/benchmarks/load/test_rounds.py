"""Several rounds as one figure: what is compared stood in the same round."""

from __future__ import annotations

from math import inf

import pytest

from benchmarks.load.rounds import micros, p50, per_second, ratio, remarks, shown
from benchmarks.load.stretch import Load, per_answer
from tests.unit.benchmarks.load.made import stretch


def test_a_ratio_is_taken_within_each_round():
    ours, theirs = [stretch(50), stretch(300), stretch(90)], [stretch(100), stretch(400), stretch(100)]

    assert ratio(ours, theirs, per_second) == 0.75


@pytest.mark.parametrize(
    ("value", "said"), [(1234.56, "1,234.6"), (inf, "-"), (0.0, "-"), (float("nan"), "-"), (0.25, "0.2")]
)
def test_what_is_none_is_shown_as_a_dash(value, said):
    assert shown(value) == said


def test_a_latency_beside_one_that_nobody_had_is_no_figure():
    assert shown(ratio([stretch(p50=10.0)], [stretch(p50=None)], p50)) == "-"
    assert shown(ratio([stretch(p50=None)], [stretch(p50=10.0)], p50)) == "-"


def test_the_batchers_count_as_one_and_all_servers_together():
    one = stretch(cpu={"front end": 200.0, "batcher a": 30.0, "batcher b": 4.0, "broker": 20.0})

    assert (micros("batcher")(one), micros()(one)) == (34.0, 254.0)


def test_what_may_have_spoilt_a_figure_is_said_with_what_was_measured():
    said = [*remarks({"one": [stretch(), stretch(limit="it was late", others=1.26)], "other": [stretch()]})]

    assert said[0] == "one: the client was the limit in 1 of 2 round(s): it was late"
    assert said[1:] == ["Other processes kept up to 1.3 cores busy: measure again on a quiet machine."]


def test_a_quiet_machine_is_no_remark():
    assert [*remarks({"one": [stretch(others=0.1)]})] == []


def test_an_answer_costs_what_those_spent_who_serve_it_and_not_those_who_wait_or_ask():
    spent = {"benchmark": 3.0, "front end": 0.5, "batcher a": 0.1, "batcher b": 0.2}

    assert per_answer(spent, 1000, ["front end", "batcher a"]) == {"front end": 500.0, "batcher a": 100.0}


@pytest.mark.parametrize(
    ("load", "title"),
    [(Load(clients=1), "1 client"), (Load(clients=64), "64 clients"), (Load(rate=50.0), "50/s")],
)
def test_a_load_says_which_loop_it_is(load, title):
    assert load.title == title
