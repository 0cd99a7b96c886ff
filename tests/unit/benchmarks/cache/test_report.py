"""The cache's turns and tables."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.cache.report import FORMS, HISTORY, MEMORY, OFF, Report, Run, ratios, tables, turns

RATES = {OFF: 1000.0, MEMORY: 3000.0}


def report(rounds: int) -> Report:
    runs = [run(number, share, form) for number, share, form in turns(rounds)]
    return Report(date="2026-11-30", machine={"processor": "Intel"}, model="translation:x", clients=8, runs=runs)


def run(number: int, share: int, form: str) -> Run:
    answers = RATES.get(form, 900.0) / (number + 1)
    cpu, none = {HISTORY: 159.0}.get(form, 150.0), {"hits": 0.0, "client": 0.3, "others": 0.2}
    return Run(round=number, form=form, share=share, answers=answers, p50=1, p99=2, cpu=cpu, all_cpu=300, **none)


def test_rounds_take_turns_the_other_way_about():
    found = [(number, form) for number, share, form in turns(2) if share == 0]

    assert found == [*((0, form) for form in FORMS[0]), *((1, form) for form in reversed(FORMS[0]))]


def test_a_run_is_compared_with_that_of_its_own_round():
    assert ratios(report(2), MEMORY, 90) == [3.0, 3.0]


def test_the_tables_are_called_by_the_kind_of_the_model():
    lines = tables(report(2))["cache translation"]

    assert "| 90 % | 750 | 1.0 / 2.0 | 2,250 | 1.0 / 2.0 | 3.00 |" in lines
    assert "| history | 675 | 0.90 | 0.90, 0.90 | 159 | 300 | +3.0% |" in lines
    assert "20 of 20 runs" in lines[-1]
    assert lines[-1].endswith("Other processes kept 0.2 cores busy meanwhile.")


def test_rounds_beside_others_work_do_not_count_where_there_are_calm_ones():
    found = report(3)
    busy = [replace(run, others=0.9, answers=1.0) if run.round == 1 else run for run in found.runs]

    assert ratios(replace(found, runs=busy), MEMORY, 90) == [3.0, 3.0]
    assert "| 90 % | 667 |" in "".join(tables(replace(found, runs=busy))["cache translation"])


def test_where_no_round_was_calm_all_of_them_count():
    found = report(2)
    busy = [replace(run, others=0.9) for run in found.runs]

    assert ratios(replace(found, runs=busy), MEMORY, 90) == [3.0, 3.0]
