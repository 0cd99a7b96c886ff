"""Files of a JSON object a line: what is a row, what is a failed one, and how an answer is written."""

from __future__ import annotations

import json

import pytest

from jitney.batch.contract import LONGEST_ROW, Answer, Row, failed
from tests.unit.jitney.batch.kit import jsonl_format, rows_of


def test_a_line_is_a_row_called_by_its_id_or_its_number() -> None:
    rows = rows_of(jsonl_format(), b'{"id": "a", "text": "one"}\n{"text": "two"}\n')

    assert [(row.number, row.id, row.text, row.complaint) for row in rows] == [(1, "a", "one", ""), (2, 2, "two", "")]


def test_other_columns_are_read_where_they_are_named() -> None:
    rows = rows_of(jsonl_format("title", "isbn"), b'{"isbn": 7, "title": "one", "text": "no"}')

    assert [(row.id, row.text) for row in rows] == [(7, "one")]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'\xef\xbb\xbf{"text": "one"}\n', id="a byte order mark"),
        pytest.param(b'\n  \n{"text": "one"}\n\n', id="blank lines"),
        pytest.param(b'{"text": "one"}\r\n', id="line ends of Windows"),
        pytest.param(b'{"text": "one"}', id="no end of the last line"),
    ],
)
def test_what_stands_around_a_row_is_no_part_of_it(data: bytes) -> None:
    assert [(row.number, row.text) for row in rows_of(jsonl_format(), data)] == [(1, "one")]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"{", "line 1 is not JSON that can be read"),
        (b"[" * 100_000, "line 1 is not JSON that can be read"),
        (b'{"text": "\xff"}', "line 1 is not UTF-8"),
        (b'["text"]', "line 1 is not an object"),
        (b'{"id": 3}', "line 1: 'text' is missing"),
        (b'{"text": 3}', "line 1: 'text' is not a string"),
        (b'{"text": "\\ud800"}', "line 1 holds what is not UTF-8"),
        (b'{"id": NaN, "text": "a"}', "line 1: its id is no JSON"),
        (b'{"id": {"a": [1e999]}, "text": "a"}', "line 1: its id is no JSON"),
        (b'{"text": "' + b"x" * LONGEST_ROW + b'"}', f"line 1 is longer than {LONGEST_ROW} bytes"),
    ],
)
def test_a_row_that_cannot_be_sent_says_why_and_the_next_one_is_read(line: bytes, complaint: str) -> None:
    rows = rows_of(jsonl_format(), line + b'\n{"text": "next"}\n')

    assert [row.complaint for row in rows] == [complaint, ""]
    assert rows[0].id in (1, 3)
    assert rows[1].text == "next"


def test_each_row_says_where_it_ends() -> None:
    data = b'{"text": "one"}\n\n{"text": "two"}\n'

    assert [row.ends_at for row in rows_of(jsonl_format(), data)] == [16, len(data)]


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        (Answer(fields={"text": "un\n deux", "truncated": True}), {"id": "a", "text": "un\n deux", "truncated": True}),
        (Answer(fields={"id": "other", "label": "é"}), {"id": "a", "label": "é"}),
        (failed("too_large", "no"), {"id": "a", "error": {"code": "too_large", "message": "no"}}),
        (Answer(fields={"text": "half \ud800"}), {"id": "a", "text": "half \ud800"}),
    ],
)
def test_an_answer_is_one_line_under_the_id_of_its_row(answer: Answer, written: object) -> None:
    line = jsonl_format().line(Row(number=1, id="a", text="one"), answer)

    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert json.loads(line) == written
