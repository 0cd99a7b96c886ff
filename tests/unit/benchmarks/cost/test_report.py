"""The tables of `cost`."""

from __future__ import annotations

from benchmarks.cost.report import tables
from tests.unit.benchmarks.cost.made import report


def test_a_job_s_cost_stands_by_kind_of_process_beside_what_was_asked():
    found = tables(report())["cost"]

    row = "| 256 | 256 | 32,000 | 4.00 | 4.0 | 64.0 | 20.4 | 12.7 | 44.1 | 5,220 | 2,358 | 8,580 | 2.00 |"
    assert row in found


def test_the_broker_s_trips_stand_beside_the_jobs_that_wait():
    assert "| 10 | 0.20 | 0.30 | 0.40 | 10 | 11.0 |" in tables(report())["cost"]


def test_the_constants_have_a_line_for_each_process():
    found = tables(report())["constants"]

    assert "| front end | 100.0 | – | 20.0 | 5.0 | 120.0 |" in found
    assert "| broker | 10.0 | 300.0 | 8.0 | 2.0 | 318.0 |" in found
    assert "| batcher | – | 900.0 | 30.0 | 1.0 | 930.0 |" in found


def test_it_is_said_where_one_of_each_ends():
    assert "| a front end, one record a request | 8,333 requests |" in tables(report())["constants"]


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    found = [block.split("\n") for lines in tables(report()).values() for block in "\n".join(lines).split("\n\n")]
    blocks = [block for block in found if block[0].startswith("|")]

    assert len(blocks) == 7
    assert all(len({line.count("|") for line in block}) == 1 for block in blocks)


def test_the_machine_and_what_else_ran_on_it_stand_below():
    said = "2026-11-29, processor: AMD EPYC. Other processes kept 0.0 cores busy meanwhile."

    assert [lines[-1].endswith(said) for lines in tables(report()).values()] == [True, True]
