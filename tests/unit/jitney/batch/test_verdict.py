"""What a reply means: a table of statuses and bodies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from jitney.batch.contract import Answer
from jitney.batch.verdict import Answered, Halve, Later, Never, TryAgain, Verdict, judge

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def judged(status: int, body: Any, count: int = 2, **headers: str) -> Verdict:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return judge(status, {name.replace("_", "-"): value for name, value in headers.items()}, data, count, NOW)


def problem(code: str) -> dict[str, str]:
    return {"code": code, "detail": "why"}


def test_a_row_for_each_record_is_the_answer() -> None:
    error = {"code": "invalid_input", "message": "why"}

    verdict = judged(200, {"result": [{"id": 0, "text": "un"}, {"id": 1, "error": error}], "warnings": ["w"]})

    assert verdict == Answered(answers=[Answer(fields={"text": "un"}), Answer(error=error)], passing=[], warnings=["w"])


def test_errors_that_pass_are_named() -> None:
    codes = ["expired", "poison", "overloaded"]
    rows = [{"id": place, "error": {"code": code, "message": "m"}} for place, code in enumerate(codes)]

    verdict = judged(200, {"result": rows}, count=3)

    assert isinstance(verdict, Answered) and verdict.passing == [0, 2]


@pytest.mark.parametrize(
    "body",
    [
        {"result": [{"id": 1}, {"id": 0}]},
        {"result": [{"id": 0}]},
        {"result": [0, 1]},
        {"result": {}},
        [],
        b"<html>",
    ],
)
def test_an_endpoint_that_does_not_answer_by_rows_never_will(body: Any) -> None:
    assert isinstance(judged(200, body), Never)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "malformed", Halve),
        (413, "too_large", Halve),
        (422, "invalid_input", Halve),
        (422, "unknown_language", Never),
        (401, "who", Never),
        (405, "method_not_allowed", Never),
        (415, "unsupported_media_type", Never),
        (404, "unknown_model", Later),
        (408, "request_timeout", Later),
        (429, "contended", Later),
        (503, "no_batcher", Later),
        (500, "internal", TryAgain),
        (504, "expired", TryAgain),
    ],
)
def test_a_refusal_is_one_of_five_kinds(status: int, code: str, kind: type) -> None:
    assert isinstance(judged(status, problem(code)), kind)


@pytest.mark.parametrize("code", ["model_error", "poison"])
def test_what_crashed_a_model_is_not_computed_again(code: str) -> None:
    error = {"code": code, "message": "why"}

    assert judged(500, problem(code)) == Answered(answers=[Answer(error=error)] * 2)


def test_a_proxy_that_reaches_nobody_is_nobody_reached() -> None:
    verdict = judged(502, b"<html>Bad Gateway")

    assert verdict == Later(wait=None, why="502: <html>Bad Gateway", is_away=True)


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("7", 7.0),
        ("Sun, 29 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 29 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 29 Nov 2026 12:00:30", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(said: str, wait: float | None) -> None:
    verdict = judged(503, problem("overloaded"), retry_after=said)

    assert isinstance(verdict, Later) and verdict.wait == wait
