"""A row that was kept is written like one that was computed a moment ago."""

from __future__ import annotations

import pytest

from server.codecs.encoding import decode
from server.errors import Problem, document
from server.json import to_json
from server.predictions.large.kept_rows import record_from, row_from, row_to_bytes


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"text": "人生は\u2028 \x00 😀", "truncated": True}, id="a text"),
        pytest.param({"embedding": [0.1, -0.0, 1e-7, 1e300, 3.0, 0.30000001192092896]}, id="numbers"),
        pytest.param({"label": "a", "score": 0.5, "labels": [{"label": "a", "score": 0.5}]}, id="labels"),
        pytest.param({"output": [2**70, None, {"b": [], "a": {}}]}, id="a model's own"),
        pytest.param({"output": b"\x00\xff"}, id="bytes"),
        pytest.param({}, id="nothing"),
    ],
)
def test_fields_come_back_as_they_are_written(fields):
    kept = row_from(row_to_bytes(fields, "m@1", "id"))

    record = record_from(kept)
    again = decode(record.codec, record.plan, record.in_order())
    assert record.has_ended
    assert to_json(again) == to_json(kept.answer) == to_json(fields)
    assert (kept.model, bytes(kept.id)) == ("m@1", b'"id"')


def test_a_problem_comes_back_with_all_that_clients_see_of_it():
    problem = Problem("unknown_language", "no xx", retry_after=2.5, languages=["en", "ja"])

    record = record_from(row_from(row_to_bytes(problem, "m@1", 7)))

    assert record.problem is not None
    assert document(record.problem, "1") == document(problem, "1")
    assert (record.problem.retry_after, record.has_ended) == (2.5, True)
