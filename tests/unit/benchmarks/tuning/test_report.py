"""A run as tables and pictures: what nobody beats, what changed beyond noise, a page that needs no other file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.lib.summary import Spread, Summary
from benchmarks.tuning.records import Offered, Point, Run, RunDirectory, Window
from benchmarks.tuning.report.command import main
from benchmarks.tuning.report.frontier import changes, frontier, noise_of
from benchmarks.tuning.report.tables import of_run, of_two
from broker.messages import Limits

RUN = Run(command="sweep", model="m@1", workload={"text": "<b>"}, machine={"cores": "2"}, started="now", slo_p99=0.1)


def point(rate: float, p99: float, *, size: int = 64, wait: float | None = None, spread: float = 0.0) -> Point:
    limits = Limits(max_batch_size=size, max_wait=wait or 0.0, policy="adaptive" if wait is None else "fixed")
    latency = Spread(p50=p99 / 2, p90=p99, p99=p99, p999=p99, max=p99)
    summary = Summary(
        due=100,
        answered=100,
        answered_share=1.0,
        per_second=rate,
        statuses={"200": 100},
        latency=latency,
        lateness=latency,
        unsent_share=0.0,
        batch_size=3.0,
        stages={},
    )
    rates = (rate * (1 - spread / 2), rate, rate * (1 + spread / 2))
    windows = [Window(per_second=one, p99=p99, answered_share=1.0) for one in rates]
    return Point(limits=limits, offered=Offered(concurrency=8), windows=windows, summary=summary, is_stable=True)


def silent(one: Point) -> Point:
    """The same without an answer."""
    return replace(one, summary=replace(one.summary, answered=0, per_second=0.0, latency=None))


def run_in(path: Path, *points: Point) -> str:
    directory = RunDirectory(path)
    directory.write(RUN)
    for one in points:
        directory.add(one)
    return str(path)


def test_the_frontier_is_what_nobody_beats_in_rate_and_p99() -> None:
    slow, good, fast, beaten = point(10, 5), point(50, 20), point(90, 80), point(40, 30)

    assert frontier([beaten, fast, slow, good]) == [slow, good, fast]


def test_a_point_without_an_answer_is_on_no_frontier() -> None:
    assert frontier([silent(point(10, 5))]) == []


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        pytest.param(point(95, 20), "", id="a twentieth slower is noise"),
        pytest.param(point(80, 20), "worse", id="a fifth slower is worse"),
        pytest.param(point(100, 26), "worse", id="at the same rate a p99 a third longer is worse"),
        pytest.param(point(130, 20), "better", id="a third faster is better"),
        pytest.param(point(130, 30), "worse", id="faster and much later is worse"),
        pytest.param(silent(point(0, 1)), "worse", id="one that answers nothing is worse"),
    ],
)
def test_a_change_is_told_beyond_noise(new: Point, verdict: str) -> None:
    (change,) = changes([point(100, 20)], [new])

    assert change.verdict == verdict


def test_windows_that_disagree_widen_the_noise() -> None:
    assert noise_of(point(100, 20), point(100, 20, spread=0.4)) == pytest.approx(0.4)
    assert changes([point(100, 20, spread=0.4)], [point(80, 20)])[0].verdict == ""


def test_only_the_same_setting_under_the_same_load_is_compared() -> None:
    assert changes([point(100, 20, size=8)], [point(100, 20, size=64)]) == []
    assert of_two(changes([point(100, 20, size=8)], [point(1, 2)])) == [
        "The two runs have no setting under the same load in common."
    ]


def test_a_table_marks_the_frontier_and_shows_doubts() -> None:
    doubtful = replace(point(40, 30, size=8), is_stable=False, doubts=["windows disagree"])

    lines = of_run(RUN, [point(50, 20), doubtful])

    assert "| **adaptive, 64 jobs** | 8 clients | 50.0 | 10.0 | 20.0 | 3.0 | 100.00% | - |" in lines
    assert any("windows disagree; unstable" in line for line in lines if line.startswith("| adaptive, 8 jobs"))


def test_the_page_needs_no_other_file_and_escapes_what_it_shows(tmp_path: Path) -> None:
    directory = run_in(tmp_path, point(50, 20), point(90, 80, size=8), point(60, 90, wait=0.01))

    assert main([directory]) == 0

    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count('src="data:image/png;base64,') == 2 and "http" not in page
    assert "&lt;b&gt;" in page and "text <b>" not in page
    assert (tmp_path / "throughput.png").read_bytes().startswith(b"\x89PNG")


def test_a_comparison_ends_with_1_where_something_is_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = run_in(tmp_path / "old", point(100, 20)), run_in(tmp_path / "new", point(50, 20))

    assert main([old, new]) == 1
    assert "| adaptive, 64 jobs | 8 clients | 100.0 → 50.0 | 0.50 |" in capsys.readouterr().out
    assert main([new, old]) == 0


@pytest.mark.parametrize("held", [None, "", "{}"])
def test_what_is_no_run_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], held: str | None) -> None:
    if held is not None:
        (tmp_path / "run.json").write_text(held)

    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"python -m benchmarks report: {tmp_path} holds ")


def test_a_line_that_a_kill_cut_off_is_left_out_and_written_over(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.add(point(50, 20))
    with (tmp_path / "points.jsonl").open("ab") as file:
        file.write(b'{"limits": {"max_ba')

    before = [one.summary.per_second for one in directory.points()]
    directory.add(point(60, 20))

    assert before == [50]
    assert [one.summary.per_second for one in directory.points()] == [50, 60]
