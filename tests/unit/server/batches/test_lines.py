"""What is wrong with the lines of an input is told by their numbers, in bounded memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server.batches.input import reading
from server.batches.input.lines import MOST_TOLD, Check
from server.batches.input.reading import Line, closed_after, lines_of

ENDPOINT = "/v1/embeddings"


def line(custom_id: Any = "a", **fields: Any) -> bytes:
    whole = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": {"input": "life"}} | fields
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


def errors_of(*lines: bytes | None, most: int = 10) -> list[tuple[int | None, str, str | None]]:
    check = Check(ENDPOINT, most)
    for number, text in enumerate(lines, 1):
        check.line(number, text)
    check.end()
    return [(error.line, error.code, error.param) for error in check.errors]


def test_good_lines_have_no_errors_and_blank_ones_are_none():
    check = Check(ENDPOINT)
    for number, text in enumerate((b"\xef\xbb\xbf" + line("a"), b"", line("b"), b"  \r"), 1):
        check.line(number, text)
    check.end()

    assert (check.errors, check.total) == ([], 2)


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        pytest.param(b"{not json", "invalid_json_line", None, id="no JSON"),
        pytest.param(b'{"custom_id": "\xff"}', "invalid_json_line", None, id="no UTF-8"),
        pytest.param(b"[" * 100_000, "invalid_request", None, id="nested deeply"),
        pytest.param(line(None), "invalid_request", None, id="without custom_id"),
        pytest.param(line(""), "invalid_request", "custom_id", id="with an empty custom_id"),
        pytest.param(line(7), "invalid_request", None, id="with a number for it"),
        pytest.param(line(method="GET"), "invalid_method", "method", id="GET"),
        pytest.param(line(url="/v1/chat/completions"), "url_mismatch", "url", id="another url"),
        pytest.param(line(body=[1]), "invalid_request", "body", id="a body that is no object"),
        pytest.param(None, "line_too_long", None, id="too long"),
    ],
)
def test_a_line_is_refused_by_its_number(text, code, param):
    assert errors_of(line("first"), text) == [(2, code, param)]


def test_a_custom_id_may_stand_once():
    assert errors_of(line("a"), line("b"), line("a")) == [(3, "duplicate_custom_id", "custom_id")]


def test_a_file_without_requests_is_refused():
    assert errors_of(b"", b" ") == [(None, "empty_file", None)]


def test_one_request_too_many_is_told_once():
    assert errors_of(*(line(str(n)) for n in range(5)), most=3) == [(4, "too_many_requests", None)]


def test_no_more_is_looked_at_once_there_are_too_many_requests():
    check = Check(ENDPOINT, most=3)
    for number in range(4):
        assert not check.is_over
        check.line(number + 1, line(str(number)))

    assert check.is_over


def test_no_more_is_looked_at_once_there_are_enough_errors():
    check = Check(ENDPOINT)
    for number in range(MOST_TOLD):
        assert not check.is_over
        check.line(number, b"x")

    assert check.is_over


async def read(*chunks: bytes, longest: int = 10, **where: int) -> list[Line]:
    async def sent():
        for chunk in chunks:
            yield chunk

    return [line async for line in lines_of(sent(), longest, **where)]


@pytest.mark.anyio
@pytest.mark.parametrize("chunks", [(b"ab\n\ncde",), (b"a", b"b\n", b"\nc", b"de"), (b"", b"ab\n\nc", b"", b"de")])
async def test_lines_know_where_they_end_however_they_arrive(chunks):
    assert await read(*chunks) == [Line(1, 3, b"ab"), Line(2, 4, b""), Line(3, 7, b"cde")]


@pytest.mark.anyio
async def test_of_a_piece_that_is_all_line_breaks_no_more_lines_are_made_than_are_read(monkeypatch):
    # A mebibyte of them stopped the event loop for seconds.
    made: list[int] = []

    def counted(number: int, end: int, text: bytes | None) -> Line:
        made.append(number)
        return Line(number, end, text)

    monkeypatch.setattr(reading, "Line", counted)

    async def sent():
        yield b"\n" * 1_000

    async with closed_after(lines_of(sent(), longest=10)) as lines:
        await anext(lines)

    assert made == [1]


@pytest.mark.anyio
async def test_lines_go_on_from_where_reading_goes_on():
    assert await read(b"cd\n", offset=40, before=7) == [Line(8, 43, b"cd")]


@pytest.mark.anyio
async def test_a_line_that_is_too_long_is_counted_and_not_held():
    found = await read(b"x" * 8, b"x" * 8, b"\nok\n")

    assert found == [Line(1, 17, None), Line(2, 20, b"ok")]
