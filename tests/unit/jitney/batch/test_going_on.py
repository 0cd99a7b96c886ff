"""Every format goes on at any row as if it had read those before it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from jitney.batch.contract import Format
from jitney.batch.files.openai_lines import OpenAILines
from tests.unit.jitney.batch.kit import csv_format, jsonl_format

JSONL = b'\xef\xbb\xbf{"text": "one"}\n\n  \n{"text": "two"}\r\nbroken\n\x0b\n{"text": "four"}'
CSV = b'\xef\xbb\xbftext,n\r\n"on\ne",1\r\n\r\ntwo,2\r\nthree\r\nfour,4'
LINES = b'{"custom_id": "a", "method": "POST", "url": "/x", "body": {}}\n\nbroken\n{"body": {}}\n\n{}\n'


@pytest.mark.parametrize(
    ("format", "data"), [(jsonl_format, JSONL), (csv_format, CSV), (OpenAILines, LINES)], ids=["jsonl", "csv", "openai"]
)
@pytest.mark.parametrize("first", range(1, 6))
def test_from_any_row_on_the_rows_are_the_same(format: Callable[[], Format], data: bytes, first: int) -> None:
    whole, rest = format(), format()
    whole.begin(io.BytesIO(data))
    rest.begin(io.BytesIO(data))

    rows = list(whole.rows())

    assert len(rows) == 4
    assert list(rest.rows(first)) == rows[first - 1 :]
