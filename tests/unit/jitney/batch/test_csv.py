"""Files of comma-separated values, with the traps that they have."""

from __future__ import annotations

import csv
import io

import pytest

from jitney.batch.contract import LONGEST_ROW, USAGE, Answer, Format, Stopped, failed
from tests.unit.jitney.batch.kit import csv_format, rows_of


def written(format: Format, data: bytes, answer: Answer) -> list[list[str]]:
    """OUT as somebody else's reader sees it, after one answer for all rows of IN."""
    rows = rows_of(format, data)
    out = format.head() + b"".join([format.line(row, answer) for row in rows])
    return list(csv.reader(io.StringIO(out.decode("utf-8"), newline="")))


def test_columns_are_copied_and_those_of_the_answer_stand_behind_them() -> None:
    rows = written(csv_format(), b"n,text,note\n7,one,x\n", Answer(fields={"text": "un", "truncated": True}))

    assert rows == [
        ["n", "text", "note", "answer_text", "truncated", "degenerate", "unread", "error"],
        ["7", "one", "x", "un", "true", "", "", ""],
    ]


def test_a_failed_row_has_its_error_in_the_last_column() -> None:
    rows = written(csv_format("/embedding"), b"text\none\n", failed("expired", "too late"))

    assert rows == [["text", "embedding", "error"], ["one", "", "expired: too late"]]


def test_an_answer_of_a_model_of_ones_own_is_a_column_of_json() -> None:
    rows = written(csv_format("/models/mine"), b"text,error\none,x\n", Answer(fields={"a": [1, "é"]}))

    assert rows == [["text", "error", "answer", "answer_error"], ["one", "x", '{"a": [1, "é"]}', ""]]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'\xef\xbb\xbftext,n\r\n"a, ""b""\nc",1\r\n', id="quotes, a line end in them, a byte order mark"),
        pytest.param(b'text,n\r"a, ""b""\nc",1\r', id="line ends of old"),
        pytest.param(b'text,n\n\n"a, ""b""\nc",1\n\n', id="blank lines"),
        pytest.param(b'text,n\n"a, ""b""\nc",1', id="no end of the last line"),
    ],
)
def test_a_row_is_what_rfc_4180_says(data: bytes) -> None:
    assert [(row.text, row.cells[1]) for row in rows_of(csv_format(), data)] == [('a, "b"\nc', "1")]


def test_a_field_may_be_longer_than_python_reads_by_itself() -> None:
    rows = rows_of(csv_format(), b"text\n" + b"x" * 200_000 + b"\n")

    assert len(rows[0].text) == 200_000


def test_columns_without_a_name_are_copied() -> None:
    assert written(csv_format("/embedding"), b"text,,\none,2,3\n", failed("c", "m")) == [
        ["text", "", "", "embedding", "error"],
        ["one", "2", "3", "", "c: m"],
    ]


def test_a_file_may_be_as_long_as_it_likes() -> None:
    rows = rows_of(csv_format(), b"text\n" + (b"x" * (1 << 20) + b"\n") * 17)

    assert len(rows) == 17


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"one", "line 2: 1 fields, where the first row has 2"),
        (b"one,2,3", "line 2: 3 fields, where the first row has 2"),
        (b"\xff,2", "line 2 holds what is not UTF-8"),
    ],
)
def test_a_row_that_cannot_be_sent_says_why_and_the_next_one_is_read(line: bytes, complaint: str) -> None:
    rows = rows_of(csv_format(), b"text,n\n" + line + b"\nnext,1\n")

    assert [row.complaint for row in rows] == [complaint, ""]


def test_what_is_not_utf_8_is_copied_as_it_is() -> None:
    format = csv_format("/embedding")
    (row,) = rows_of(format, b"text,name\none,M\xfcller\n")

    assert format.line(row, failed("c", "m")) == b"one,M\xfcller,,c: m\r\n"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no column 'text'; its columns: none"),
        (b"a,b\n", "no column 'text'; its columns: 'a', 'b'"),
        (b"text,a,a\n", "names the column 'a' twice"),
        (b'text\n"' + b"x\n" * (LONGEST_ROW // 2 + 1), "is a quote never closed"),
        (b'text\n"' + b"x" * (LONGEST_ROW + 1), "cannot be read as CSV"),
        (b'text\na\n\n"b\nc\nd\n', "a quote in the row of line 4 is never closed"),
        (b'text\n"', "a quote in the row of line 2 is never closed"),
        (b'"text\n', "a quote in the row of line 1 is never closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(Stopped, match=why) as refused:
        rows_of(csv_format(), data)

    assert refused.value.exit_code == USAGE


@pytest.mark.parametrize(("id_column", "data", "ids"), [("", b"id,text\na,x\n", ["a"]), ("n", b"n,text\nb,x\n", ["b"])])
def test_a_row_is_called_by_its_column_of_ids(id_column: str, data: bytes, ids: list[str]) -> None:
    assert [row.id for row in rows_of(csv_format(id_column=id_column), data)] == ids


def test_without_a_column_of_ids_a_row_is_called_by_its_number() -> None:
    assert [row.id for row in rows_of(csv_format(), b"text\nx\ny\n")] == [1, 2]


def test_formulas_are_made_harmless_only_where_it_was_asked_for() -> None:
    data, answer = b"text,n\n=1+1,-2\n", Answer(fields={"text": "@x"})

    assert written(csv_format(), data, answer)[1][:3] == ["=1+1", "-2", "@x"]
    assert written(csv_format(excel_safe=True), data, answer)[1][:3] == ["'=1+1", "'-2", "'@x"]


def test_another_delimiter_and_a_byte_order_mark_for_excel() -> None:
    format = csv_format("/embedding", delimiter=";", bom=True)
    (row,) = rows_of(format, b"text;n\na,b;1\n")

    assert row.text == "a,b"
    assert format.head() == b"\xef\xbb\xbftext;n;embedding;error\r\n"
