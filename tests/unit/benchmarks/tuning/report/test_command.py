"""A run as tables and pictures: what nobody beats, what changed beyond noise, a page that needs no other file."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.tuning.records import Point, RunDirectory
from benchmarks.tuning.report.command import main
from benchmarks.tuning.report.frontier import changes, frontier, p99_noise, rate_noise
from benchmarks.tuning.report.tables import of_run, of_two
from tests.unit.benchmarks.tuning.report.made import RUN, at, curve, point, recommended, run_in, silent


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
    assert rate_noise(point(100, 20), point(100, 20, spread=0.4)) == pytest.approx(0.4)
    assert changes([point(100, 20, spread=0.4)], [point(80, 20)])[0].verdict == ""


def test_a_p99_is_held_against_how_far_its_own_windows_lie_apart() -> None:
    steady, later = point(100, 20), point(100, 26)
    restless = replace(steady, windows=[replace(steady.windows[0], p99=p99) for p99 in (18.0, 26.0)])

    assert p99_noise(steady, restless) == pytest.approx(8 / 22)
    assert [changes([old], [later])[0].verdict for old in (steady, restless)] == ["worse", ""]


def test_only_the_same_setting_under_the_same_load_is_compared() -> None:
    assert changes([point(100, 20, size=8)], [point(100, 20, size=64)]) == []
    assert of_two(changes([point(100, 20, size=8)], [point(1, 2)])) == [
        "The two runs have no setting under the same load in common."
    ]


def test_a_table_marks_the_frontier_and_shows_doubts() -> None:
    doubtful = replace(point(40, 30, size=8), is_stable=False, doubts=["windows disagree"])

    lines = of_run(RUN, [point(50, 20), doubtful])

    assert "| **adaptive, 64 jobs** | 8 clients | 50.0 | 10.0 | 20.0 | - | 3.0 | 100.00% | - |" in lines
    assert any("windows disagree" in line for line in lines if line.startswith("| adaptive, 8 jobs"))


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


def test_the_page_opens_with_the_recommendation_and_what_to_paste(tmp_path: Path) -> None:
    points = [*curve((100, 100), (200, 200), (400, 0)), *curve((100, 100), (200, 0), size=8, wait=0.01)]
    found = recommended(points[0].limits, 200, points[-1].limits, doubts=["a noisy <machine>"])

    assert main([run_in(tmp_path, *points, recommendation=found)]) == 0

    page = (tmp_path / "report.html").read_text("utf-8")
    told = [
        "Recommended: adaptive, 64 jobs",
        "Leave adaptive.",
        "It carries 200.0 requests/s with a p99 within 100 ms; 220.0 did not hold.",
        "Runner-up: fixed 10 ms, 8 jobs, 100 requests/s.",
        "Predicted from what batches cost: 210 requests/s.",
        "A batch costs 20.00 ms + 0.500 ms a job",
        "JITNEY_POLICY=adaptive\nJITNEY_MAX_BATCH_SIZE=64",
        "--policy adaptive --max-batch-size 64",
        "Not to be trusted: a noisy &lt;machine&gt;.",
        "<li>SLO: p99 ≤ 100 ms</li>",
        "<li>machine: cores 2</li>",
        'alt="throughput"',
        'alt="goodput"',
        'alt="stages"',
        'alt="sizes"',
        "All points",
    ]
    assert sorted(map(page.find, told)) == [page.find(text) for text in told] and page.find(told[0]) > 0
    assert sorted(path.stem for path in tmp_path.glob("*.png")) == ["goodput", "heat", "sizes", "stages", "throughput"]


def test_what_is_drawn_can_be_had_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = run_in(tmp_path / "old", *curve((100, 100), (200, 0)))
    new = run_in(tmp_path / "new", at(100, 50), run=replace(RUN, machine={"cores": "4"}))

    assert main([old, "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert main([old, new, "--json"]) == 1
    two = json.loads(capsys.readouterr().out)

    assert [(each["setting"], each["knee"]) for each in one["knees"]] == [("adaptive, 64 jobs", 100)]
    assert [each["load"] for each in one["frontier"]] == ["100/s"]
    assert ([each["verdict"] for each in two["changes"]], two["differences"]) == (["worse"], ["machine: cores 2 → 4"])


def test_two_runs_are_beside_each_other_in_a_page_and_what_else_differs_is_said(tmp_path: Path) -> None:
    old = run_in(tmp_path / "old", point(100, 20))
    new = run_in(tmp_path / "new", point(50, 20), run=replace(RUN, machine={"cores": "4"}))

    assert main([old, new]) == 1

    page = (tmp_path / "new" / "comparison.html").read_text("utf-8")
    assert all(text in page for text in ("1 of 1 worse beyond noise", "machine: cores 2 → 4", '<tr class="worse">'))
    assert (tmp_path / "new" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_two_runs_are_compared_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith(("matplotlib", "benchmarks.tuning.report.album"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr("benchmarks.tuning.report.album", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    directory = run_in(tmp_path, point(100, 20))

    assert main([directory, directory]) == 0
    assert main([directory]) == 2

    said = capsys.readouterr()
    assert "| adaptive, 64 jobs | 8 clients |" in said.out
    assert said.err.count("pip install 'jitney[bench]'") == 2


@pytest.mark.parametrize("held", [None, "", "{}"])
def test_what_is_no_run_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], held: str | None) -> None:
    if held is not None:
        (tmp_path / "run.json").write_text(held)

    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"python -m benchmarks report: {tmp_path} holds ")


@pytest.mark.parametrize("file", ["points.jsonl", "recommendation.json"])
def test_a_file_that_is_broken_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str) -> None:
    directory = run_in(tmp_path, point(50, 20))
    (tmp_path / file).write_text('{"limits": 3}\n')

    assert main([directory]) == 2
    assert capsys.readouterr().err.startswith(
        f"python -m benchmarks report: {tmp_path} holds a run that cannot be read"
    )


def test_a_page_that_cannot_be_written_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.html").mkdir()

    assert main([run_in(tmp_path, point(50, 20))]) == 2
    assert "report.html" in capsys.readouterr().err


def test_a_line_that_a_kill_cut_off_is_left_out_and_written_over(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.add(point(50, 20))
    with (tmp_path / "points.jsonl").open("ab") as file:
        file.write(b'{"limits": {"max_ba')

    before = [one.summary.per_second for one in directory.points()]
    directory.add(point(60, 20))

    assert before == [50]
    assert [one.summary.per_second for one in directory.points()] == [50, 60]
