"""What was measured beside what was asked for."""

from __future__ import annotations

import pytest

from benchmarks.translation.engines import Contender, name_of, rates
from benchmarks.translation.report import Row, markdown, rows_of
from benchmarks.translation.sentences import sentences
from benchmarks.translation.weights import SIZES

MACHINE = {"processor": "some"}


def offline(**found: float) -> dict[str, object]:
    names = {
        "hf": name_of("hf", "fp32", 64),
        "alone": name_of("hf", "fp32", 1),
        "ct": name_of("ctranslate2", "fp32", 64),
        "ours": name_of("jitney", "fp32", 64),
    }
    return {"offline": {"rates": {names[name]: [rate, rate, 99 * rate] for name, rate in found.items()}}}


def searched(name: str, rate: float | None, *alike: dict[str, object]) -> dict[str, object]:
    best = None if rate is None else {"rate": rate, "tokens": 30 * rate, "p99": 3.0}
    return {"name": name, "bound": 4.0, "best": best, "alike": list(alike)}


def only(rows: list[Row], against: str) -> Row:
    return next(row for row in rows if row.against.startswith(against))


def test_a_ratio_is_ours_by_theirs_of_the_medians():
    row = only(rows_of(offline(hf=200.0, ours=300.0)), "HF generate fp32, batch 64")

    assert (row.ratio, row.verdict) == (1.5, "met")


def test_a_ratio_below_what_was_asked_for_is_missed():
    assert only(rows_of(offline(ct=200.0, ours=170.0)), "CTranslate2 fp32").verdict == "missed"


def test_what_was_not_measured_is_told_so():
    assert only(rows_of(offline(ours=300.0)), "HF generate fp32, one").verdict == "not measured"


def test_at_equal_p99_tokens_a_second_are_compared():
    part = {"engines": [searched("hf fp32", 2.0), searched("jitney fp32", 5.0)]}

    [row] = rows_of({"broker": part})

    assert (row.ratio, row.verdict) == (2.5, "met")


def test_at_equal_load_the_p99_are_compared_the_other_way_round():
    alike = {"rate": 2.0, "p99": 1.2, "met": True}
    part = {"engines": [searched("hf fp32", 2.0), searched("jitney fp32", 5.0, alike)]}

    assert rows_of({"broker": part})[1].ratio == pytest.approx(2.5)


def test_an_engine_that_never_answers_in_time_has_no_ratio():
    part = {"engines": [searched("hf fp32", None), searched("jitney fp32", 5.0)]}

    assert [row.verdict for row in rows_of({"broker": part})] == ["not measured"]


def test_the_page_has_a_line_for_every_target():
    results = {"machine": MACHINE, **offline(hf=200.0, ours=300.0)}

    assert sum(line.startswith(("| HF", "| CT")) for line in markdown(results).splitlines()) == len(rows_of(results))


def test_what_takes_too_long_is_measured_once():
    of = sentences(4, SIZES["tiny"], seed=1)

    def translate(given):
        return [[0] * one.length for one in given]

    contenders = [Contender(name=name, translate=translate, sentences=of) for name in ("a", "b")]

    once, always = (rates(contenders, 3, slow, lambda line: None) for slow in (-1.0, 60.0))

    assert [len(found) for found in once.values()] == [1, 1]
    assert [len(found) for found in always.values()] == [3, 3]


def test_encoders_are_compared_round_by_round():
    rounds = [{"before": 100.0, "bf16": 200.0, "int8": 310.0}, {"before": 50.0, "bf16": 150.0, "int8": 155.0}]
    ratios = [{name: rate / found["before"] for name, rate in found.items()} for found in rounds]

    rows = rows_of({"encoders": {"sentences": 2000, "rates": rounds, "ratios": ratios}})

    assert [(row.ours, row.ratio, row.verdict) for row in rows] == [("bf16", 2.5, "met"), ("int8", 3.1, "met")]
