"""Lines of OpenAI's batches: which are sent, and what stands in OUT for each."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from jitney.batch.contract import MALFORMED, Answer, Row, Stopped, failed
from jitney.batch.files.openai_lines import OpenAILines
from tests.unit.jitney.batch.kit import rows_of

ROW = Row(number=7, id="a", text="{}", address="/v1/embeddings")


def line(**changed: Any) -> bytes:
    usual = {"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {"input": "é"}}
    return json.dumps(usual | changed).encode() + b"\n"


def test_a_line_says_what_is_sent_and_where_to() -> None:
    (row,) = rows_of(OpenAILines(), line())

    assert (row.id, row.address, json.loads(row.text), row.complaint) == ("a", "/v1/embeddings", {"input": "é"}, "")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"{\n", "is not JSON"),
        (b"[]\n", "is not an object"),
        (line(custom_id=None), "its custom_id is no string"),
        (line(custom_id=7), "its custom_id is no string"),
        (line(custom_id=""), "its custom_id is no string"),
        (line(method="GET"), "its method is not POST"),
        (line(url=None), "its url is no address"),
        (line(url="http://elsewhere/v1/embeddings"), "its url is no address"),
        (line(url="@elsewhere/"), "its url is no address"),
        (line(url="/v1\r\nHost: x"), "its url is no address"),
        (line(body="x"), "its body is no object"),
        (line(body={"input": float("nan")}), "a number that JSON does not have"),
        (line(body={"input": "\ud800"}), "holds what is not UTF-8"),
    ],
)
def test_a_line_that_cannot_be_sent_says_why_and_the_next_one_is_read(said: bytes, why: str) -> None:
    rows = rows_of(OpenAILines(), line() + said + line(custom_id="b"))

    assert why in rows[1].complaint and "line 2" in rows[1].complaint
    assert [row.complaint for row in (rows[0], rows[2])] == ["", ""]


def test_rows_that_are_for_an_endpoint_ask_for_it() -> None:
    with pytest.raises(Stopped, match="is --endpoint missing"):
        rows_of(OpenAILines(), b'{"id": "a", "text": "one"}\n')


def test_the_servers_reply_is_the_response_whatever_its_status() -> None:
    fields = {"status_code": 422, "request_id": "r", "body": '{"n": 0.10}'}

    written = OpenAILines().line(ROW, Answer(fields=fields, error={"code": "c", "message": "m"}))

    response = {"status_code": 422, "request_id": "r", "body": {"n": 0.1}}
    assert json.loads(written) == {"id": "batch_req_7", "custom_id": "a", "response": response, "error": None}
    assert b'{"n": 0.10}' in written  # its numbers as they were


def test_a_row_that_was_never_sent_has_an_error_and_no_response() -> None:
    written = json.loads(OpenAILines().line(ROW, failed(MALFORMED, "why")))

    assert (written["response"], written["error"]) == (None, {"code": MALFORMED, "message": "why"})


def test_of_an_out_the_whole_lines_count() -> None:
    assert list(OpenAILines().complete(io.BytesIO(b"{}\n{}\n{"))) == [b"{}\n", b"{}\n"]
