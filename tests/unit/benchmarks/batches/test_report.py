"""What batches did to interactive requests: the table, the staircase, the picture."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from benchmarks.batches.contract import Bursts, Ground, Run, Way
from benchmarks.batches.pictures import staircase
from benchmarks.batches.report import kept, latencies, markdown, progress, rates
from benchmarks.lib.loops import Call

GROUND = Ground(name="card", spec="synthetic:20ms+0.5ms", rate=100.0, in_flight=32)
BURSTS = Bursts(period=4.0, warm_up=4.0, duration=8.0)  # on: 4 to 6 and 8 to 10, off: 6 to 8 and 10 to 12
TIMING = b'queue;dur=30.0, window;dur=0.00, compute;dur=20.0, return;dur=1.0, batch;desc="4"'
CALLS = [
    Call(1.0, 1.0, 9.9, "200"),  # of the warm-up
    Call(4.5, 4.5, 4.55, "200", TIMING),
    Call(8.5, 8.5, 8.6, "200", TIMING),
    Call(9.0, 9.0, 9.01, "503"),
]


def run(way: Way) -> Run:
    # Of the batches 160 records between 4 and 6 s, then 80, 40 and 20; and the three that are answered.
    computed = [(0.0, 100), (4.0, 100), (6.0, 261), (8.0, 341), (10.0, 383), (12.0, 403), (13.0, 403)]
    return Run(way=way, calls=CALLS, computed=computed)


RUNS = [run(way) for way in Way]


def test_only_requests_that_were_due_in_the_measured_time_and_answered_have_a_latency():
    assert latencies(BURSTS, RUNS[:1]) == pytest.approx([0.05, 0.1])


def test_the_batches_rate_is_told_apart_by_whether_there_was_a_burst():
    assert rates(BURSTS, run(Way.BULK)) == (300 / 8, 200 / 4, 100 / 4)


@pytest.mark.parametrize(
    ("at", "done"),
    [
        pytest.param(0.0, 0, id="at the beginning"),
        pytest.param(5.0, 79.5, id="half-way between two looks, an interactive one taken off"),
        pytest.param(8.0, 240, id="at a look"),
        pytest.param(99.0, 300, id="after the last one"),
    ],
)
def test_progress_is_what_left_the_card_but_for_interactive_records(at, done):
    assert progress(run(Way.BULK), at) == done


def test_the_table_has_a_row_for_each_way():
    rows = list(markdown(GROUND, BURSTS, RUNS))[-4:]

    assert [row.split(" | ")[0] for row in rows] == ["| alone", "| plain requests", "| bulk lane", "| /v1/batches"]
    assert "| 50 | 100 | 100 | 100 | 30 | 20 | 2 of 3 | 38 | 50 | 25 | 0 |" in rows[2]
    assert "2 of 3 | – | – | – | 0 |" in rows[0]


def test_a_way_in_which_nothing_was_answered_has_no_latency():
    none = [Run(way=way, computed=[(0.0, 7)], calls=[Call(5.0, 5.0, 5.1, "503")]) for way in Way]

    assert "| alone | – | – | – |  | 0 | 0 | 0 of 1 |" in list(markdown(GROUND, BURSTS, none))[-4]


def test_what_is_kept_has_the_staircase_from_its_beginning():
    (held,) = kept(GROUND, BURSTS, [run(Way.BULK)])["runs"]

    assert (held["staircase"][0], held["staircase"][-1], len(held["staircase"])) == (0, 300, 49)


def legends(figure: Figure) -> list[list[str]]:
    return [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]


def test_the_picture_names_each_way_with_its_p99_and_counts_progress_from_the_measured_time_on():
    figure = staircase(GROUND, BURSTS, RUNS)

    waits, carried = legends(figure)
    assert waits == [f"{way}: p99 100 ms" for way in Way]
    assert carried == ["plain requests", "bulk lane", "/v1/batches"]
    assert [float(line.get_ydata()[0]) for line in figure.axes[1].lines] == [0.0] * 3
    assert [float(line.get_ydata()[-1]) for line in figure.axes[1].lines] == [300.0] * 3
