"""Files of a JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from jitney.batch.contract import LONGEST_ROW, Answer, Row


class Jsonl:
    """A line is `{"id": …, "text": …}`; without an id it is called by its number. Blank lines are no rows."""

    name = "jsonl"

    def __init__(self, column: str, id_column: str) -> None:
        self._column = column
        self._id_column = id_column
        self._source: BinaryIO | None = None

    def begin(self, source: BinaryIO) -> None:
        self._source = source

    def rows(self) -> Iterator[Row]:
        assert self._source is not None
        number = place = read = 0
        while line := self._source.readline(LONGEST_ROW + 1):
            place += 1
            is_long = len(line) > LONGEST_ROW and not line.endswith(b"\n")
            size = len(line) + (_skip_line(self._source) if is_long else 0)
            read += size
            if line.strip():
                number += 1
                where = {"number": number, "size": len(line), "ends_at": read}
                yield self._long(place, where) if is_long else self._row(line, place, where)

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
        for line in out:
            if line.endswith(b"\n"):
                yield line

    def _long(self, place: int, where: Any) -> Row:
        return Row(id=where["number"], text="", complaint=f"line {place} is longer than {LONGEST_ROW} bytes", **where)

    def _row(self, line: bytes, place: int, where: Any) -> Row:
        try:
            row = json.loads(line)  # bytes: with a byte order mark, too
        except (ValueError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError, too
            why = "UTF-8" if isinstance(error, UnicodeDecodeError) else "JSON that can be read"
            return Row(id=where["number"], text="", complaint=f"line {place} is not {why}", **where)
        if not isinstance(row, dict):
            return Row(id=where["number"], text="", complaint=f"line {place} is not an object", **where)
        text, named = row.get(self._column), row.get(self._id_column)
        if not _is_json(named):
            return Row(id=where["number"], text="", complaint=f"line {place}: its id is no JSON", **where)
        row_id = where["number"] if named is None else named
        if not isinstance(text, str):
            why = "is not a string" if self._column in row else "is missing"
            return Row(id=row_id, text="", complaint=f"line {place}: {self._column!r} {why}", **where)
        return Row(id=row_id, text=text, complaint=half_letters(text, place), **where)


def _is_json(named: Any) -> bool:
    """Python reads NaN and Infinity, and a number too large as that; OUT would be no JSON with them."""
    try:
        return isinstance(named, str | int) or bool(json.dumps(named, allow_nan=False))
    except ValueError:
        return False


def half_letters(text: str, place: int) -> str:
    """A complaint about what no UTF-8 has, or nothing."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"line {place} holds what is not UTF-8"
    return ""


def _skip_line(source: BinaryIO) -> int:
    """Read to the end of the line, a piece at a time. How many bytes there were."""
    skipped = 0
    while piece := source.readline(1 << 20):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped
