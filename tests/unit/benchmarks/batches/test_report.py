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
    done = [] if way is Way.ALONE else [[1.0, 5.0, 7.0], [7.5], [11.0, 12.5]]
    return Run(way=way, calls=CALLS, batches=done)


RUNS = [run(way) for way in Way]


def test_only_requests_that_were_due_in_the_measured_time_and_answered_have_a_latency():
    assert latencies(BURSTS, RUNS[:1]) == pytest.approx([0.05, 0.1])


def test_the_batches_rate_is_told_apart_by_whether_there_was_a_burst():
    assert rates(BURSTS, run(Way.BULK)) == (8 * 4 / 8, 8 * 1 / 4, 8 * 3 / 4)


def test_progress_counts_the_records_of_each_batch():
    assert progress(run(Way.BULK), 7.0) == [24, 0, 0]


def test_the_table_has_a_row_for_each_way():
    rows = list(markdown(GROUND, BURSTS, RUNS))[-3:]

    assert [row.split(" | ")[0] for row in rows] == ["| alone", "| plain requests", "| bulk lane"]
    assert "| 50 | 100 | 100 | 100 | 30 | 20 | 2 of 3 | 4 | 2 | 6 | 0 |" in rows[2]
    assert "2 of 3 | – | – | – | 0 |" in rows[0]


def test_a_way_in_which_nothing_was_answered_has_no_latency():
    none = [Run(way=way, calls=[Call(5.0, 5.0, 5.1, "503")]) for way in Way]

    assert "| alone | – | – | – |  | 0 | 0 | 0 of 1 |" in list(markdown(GROUND, BURSTS, none))[-3]


def test_what_is_kept_has_the_staircase_from_its_beginning():
    (held,) = kept(GROUND, BURSTS, [run(Way.BULK)])["runs"]

    assert (held["staircase"][0], held["staircase"][-1], len(held["staircase"])) == ([0, 0, 0], [24, 8, 8], 49)


def legends(figure: Figure) -> list[list[str]]:
    return [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]


def test_the_picture_names_each_way_with_its_p99_and_counts_progress_from_the_measured_time_on():
    figure = staircase(GROUND, BURSTS, RUNS)

    names = [
        ["alone: p99 100 ms", "plain requests: p99 100 ms", "bulk lane: p99 100 ms"],
        ["plain requests", "bulk lane"],
    ]
    assert legends(figure) == names
    assert [float(line.get_ydata()[0]) for line in figure.axes[1].lines] == [0.0, 0.0]
    assert [float(line.get_ydata()[-1]) for line in figure.axes[1].lines] == [32.0, 32.0]
