"""Files of a JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from jitney.batch.contract import Answer, Row
from jitney.batch.files.lines import Line, complete_lines, half_letters, is_json, lines_of


class Jsonl:
    """A line is `{"id": …, "text": …}`; without an id it is called by its number. Blank lines are no rows."""

    name = "jsonl"

    def __init__(self, column: str, id_column: str) -> None:
        self._column = column
        self._id_column = id_column
        self._source: BinaryIO | None = None

    def begin(self, source: BinaryIO) -> None:
        self._source = source

    def rows(self, first: int = 1) -> Iterator[Row]:
        assert self._source is not None
        return map(self._row, lines_of(self._source, first))

    def head(self) -> bytes:
        return b""

    def line(self, row: Row, answer: Answer) -> bytes:
        said = dict(answer.fields) if answer.error is None else {"error": answer.error}
        written = {"id": row.id} | said | {"id": row.id}  # first to read, and no model's own field replaces it
        try:
            return json.dumps(written, ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:  # half a surrogate pair, which JSON may have
            return json.dumps(written).encode() + b"\n"

    def complete(self, out: BinaryIO) -> Iterator[bytes]:
        return complete_lines(out)

    def _row(self, line: Line) -> Row:
        text, named = line.said.get(self._column), line.said.get(self._id_column)
        complaint = line.complaint or self._complaint(line, text, named)
        is_named = named is not None and is_json(named)
        return Row(
            number=line.number,
            id=named if is_named else line.number,
            text="" if complaint else text,  # type: ignore[arg-type]
            complaint=complaint or half_letters(str(text), line.place),
            size=line.size,
            ends_at=line.ends_at,
        )

    def _complaint(self, line: Line, text: object, named: object) -> str:
        if not is_json(named):
            return f"line {line.place}: its id is no JSON"
        if not isinstance(text, str):
            why = "is not a string" if self._column in line.said else "is missing"
            return f"line {line.place}: {self._column!r} {why}"
        return ""
