"""Three ways of serving one model, each beside the one without batching."""

from __future__ import annotations

import pytest

from benchmarks.compare.report import ADAPTIVE, FIXED, WAYS, WITHOUT, Row, markdown
from benchmarks.load.stretch import Load
from tests.unit.benchmarks.load.made import stretch

CLOSED, OPEN = Load(clients=16), Load(rate=800.0)


def row(way, load, *rounds):
    return Row(way=way, load=load, rounds=rounds)


ROWS = [
    row(WITHOUT, CLOSED, stretch(100, 160.0, jobs=1), stretch(200, 80.0, jobs=1)),
    row(FIXED, CLOSED, stretch(500, 30.0), stretch(600, 20.0)),
    row(ADAPTIVE, CLOSED, stretch(800, 20.0), stretch(1000, 16.0)),
    row(WITHOUT, OPEN, stretch(90, None, jobs=0, answered=0.0)),
    row(FIXED, OPEN, stretch(800, 25.0, answered=0.989)),
    row(ADAPTIVE, OPEN, stretch(800, 24.0, cpu={"front end": 200.0, "batcher adaptive": 5.0})),
]


def test_every_way_is_told_beside_none_in_the_same_round():
    page = markdown({"model": "some"}, ROWS)

    assert "| 16 clients | adaptive | 900 | 6.50 | 100 % | 18.0 | 0.16 | 36.0 | 4.0 |" in page


def test_what_nobody_was_answered_has_no_latency_and_nothing_is_compared_with_it():
    page = markdown({}, ROWS)

    assert "| 800/s | one by one | 90 | 1.00 | 0 % | - | - | - | - |" in page
    assert "| 800/s | adaptive | 800 | 8.89 | 100 % | 24.0 | - | 48.0 | 4.0 | 200, 5, - |" in page


@pytest.mark.parametrize(("rounds", "carried"), [([1.0, 0.99], True), ([1.0, 0.98], False)])
def test_a_rate_is_carried_where_no_round_fails_it(rounds, carried):
    assert row(FIXED, OPEN, *(stretch(answered=share) for share in rounds)).is_carried is carried


def test_the_picture_has_a_line_a_way_and_no_latency_of_a_rate_that_is_not_carried():
    picture = pytest.importorskip("benchmarks.compare.picture").picture

    closed, opened = picture("some", ROWS).axes

    assert [line.get_label() for line in closed.lines] == list(WAYS)
    assert [line.get_label() for line in opened.lines] == ["adaptive: p50", "adaptive: p99"]
    assert [list(line.get_ydata()) for line in opened.lines] == [[24.0], [48.0]]
