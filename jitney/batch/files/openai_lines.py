"""Files of requests, one a line, as OpenAI's batches have them; OUT has the lines of their output files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from jitney.batch.contract import USAGE, Answer, Row, Stopped
from jitney.batch.files.lines import Line, complete_lines, half_letters, is_json, lines_of

FIELDS = ("custom_id", "url", "body")


class OpenAILines:
    """`{"custom_id": …, "method": "POST", "url": "/v1/embeddings", "body": {…}}`. Blank lines are no rows."""

    name = "openai"

    def begin(self, source: BinaryIO) -> None:
        self._source = source

    def rows(self, first: int = 1) -> Iterator[Row]:
        for line in lines_of(self._source, first):
            if line.number == 1 and line.said and not any(name in line.said for name in FIELDS):
                raise Stopped(USAGE, "the first line of IN has no custom_id, url and body: is --endpoint missing?")
            yield _row(line)

    def head(self) -> bytes:
        return b""

    def line(self, row: Row, answer: Answer) -> bytes:
        """A reply of the server, whatever its status, is the response; only without one there is an error."""
        named = json.dumps(row.id if isinstance(row.id, str) else None)
        response = "null" if not answer.fields else _response(answer.fields)
        error = "null" if answer.fields else json.dumps(answer.error)
        line = f'{{"id": "batch_req_{row.number}", "custom_id": {named}, "response": {response}, "error": {error}}}\n'
        return line.encode()

    def complete(self, out: BinaryIO) -> Iterator[bytes]:
        return complete_lines(out)


def _row(line: Line) -> Row:
    named, complaint = _name(line.said), line.complaint or _complaint(line.said, line.place)
    text = "" if complaint else json.dumps(line.said["body"], ensure_ascii=False)
    return Row(
        number=line.number,
        id=line.number if named is None else named,
        text=text,
        address="" if complaint else line.said["url"],
        complaint=complaint or half_letters(text, line.place),
        size=line.size,
        ends_at=line.ends_at,
    )


def _response(fields: Mapping[str, Any]) -> str:
    status, request_id = fields["status_code"], json.dumps(fields["request_id"])
    return f'{{"status_code": {status}, "request_id": {request_id}, "body": {fields["body"]}}}'


def _name(said: Mapping[str, Any]) -> str | None:
    named = said.get("custom_id")
    return named if isinstance(named, str) and named else None


def _complaint(said: Mapping[str, Any], place: int) -> str:
    url, method = said.get("url"), said.get("method")
    if _name(said) is None:
        return f"line {place}: its custom_id is no string"
    if method != "POST":
        return f"line {place}: its method is not POST"
    if not isinstance(url, str) or not url.startswith("/") or not url.isascii() or not url.isprintable():
        return f"line {place}: its url is no address such as /v1/embeddings"
    if not isinstance(said.get("body"), dict):
        return f"line {place}: its body is no object"
    return "" if is_json(said["body"]) else f"line {place}: its body has a number that JSON does not have"
