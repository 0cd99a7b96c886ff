"""The tables of `scale`."""

from __future__ import annotations

from benchmarks.scale.contract import Layout, Point, Report
from benchmarks.scale.report import tables
from benchmarks.spent.spent import Spent


def point(front_ends: int, answers: int, *, varied: str = "front ends", batchers: int = 1) -> Point:
    pass_time = "0ms+0ms" if varied == "front ends" else "20ms+1ms"
    spent = Spent(
        seconds=2.0,
        cpu={**{f"front end {number + 1}": 1.9 for number in range(front_ends)}, "broker": 0.2, "batcher 1": 0.4},
        busy=5.0,
        calls={"get": 2 * answers},
        trips=answers // 10,
        batches=answers // 50,
    )
    layout = Layout(varied=varied, front_ends=front_ends, batchers=batchers, pass_time=pass_time, connections=256)
    return Point(layout=layout, answers=answers, seconds=2.0, p50=40.0, p99=60.0, spent=spent, load=1.0)


def report(*points: Point) -> Report:
    return Report(date="2026-11-29", machine={"processor": "AMD EPYC"}, points=points)


def test_rates_are_compared_with_the_first():
    found = tables(report(point(1, 8_000), point(2, 14_000)))["gains"]

    assert found[:4] == [
        "| front ends | 1 | 2 |",
        "| --- | --- | --- |",
        "| answers/s | 4,000 | 7,000 |",
        "| to the first | 1.00 | 1.75 |",
    ]


def test_the_middle_round_counts_and_the_others_are_told():
    found = tables(report(*(point(1, answers) for answers in (8_000, 2_000, 10_000))))["scale"]

    assert any(line.startswith("| 1 | 4,000 (1,000–5,000) | 1.00 |") for line in found)


def test_an_answer_s_cost_stands_by_kind_of_process():
    row = "| 1 | 4,000 | 1.00 | – | 40.0 | 60.0 | 50.0 | 238 | 25 | 50 | 2.00 | 0.10 | front end 1 0.95 | 1.2 + 1.2 |"

    assert row in tables(report(point(1, 8_000)))["scale"]


def test_batchers_are_compared_with_what_their_model_allows():
    found = tables(report(point(2, 2 * 1_000, varied="batchers", batchers=2)))["scale"]

    assert any(line.startswith("| 2 | 1,000 | 1.00 | 0.66 |") for line in found)  # 2 × 64 jobs in 84 ms: 1,524 a second


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    page = "\n".join(tables(report(point(1, 8_000), point(1, 8_000, varied="batchers")))["scale"])
    found = [block.split("\n") for block in page.split("\n\n") if block.startswith("|")]

    assert len(found) == 2
    assert all(len({line.count("|") for line in table}) == 1 for table in found)
