"""Files of comma-separated values: the columns of IN are copied, those of the answer come behind them."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from jitney.batch.contract import LONGEST_ROW, USAGE, Answer, Row, Stopped
from jitney.batch.files.lines import half_letters

# Columns are fixed before the first answer is there; what a model of one's own answers is one column of JSON.
COLUMNS: Mapping[str, Sequence[str]] = {
    "/translation": ("text", "truncated", "degenerate", "unread"),
    "/classification": ("label", "score", "labels", "truncated"),
    "/image-classification": ("label", "score", "labels"),
    "/embedding": ("embedding",),
}
BOM = b"\xef\xbb\xbf"
WHOLE, ERROR = "answer", "error"
BESIDE = "answer_"  # before a column of the answer whose name IN has already
ENCODING = "surrogateescape"  # what is not UTF-8 is copied as it is
RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes a cell that begins so for a formula


class Csv:
    """The first row names the columns. Fields may hold line ends in quotes, as RFC 4180 has it."""

    name = "csv"

    def __init__(
        self, endpoint: str, column: str, id_column: str, *, delimiter: str, excel_safe: bool, bom: bool
    ) -> None:
        self._answered = COLUMNS.get(endpoint, (WHOLE,))
        self._column = column
        self._id_column = id_column
        self._delimiter = delimiter
        self._excel_safe = excel_safe
        self._bom = bom
        self._columns: Sequence[str] = ()

    def begin(self, source: BinaryIO) -> None:
        csv.field_size_limit(LONGEST_ROW)  # Python's own is 131,072 characters
        self._lines = _Lines(source)
        self._reader = csv.reader(iter(self._lines), delimiter=self._delimiter)
        self._columns = next(self._cells(), [])
        twice = sorted({name for name in self._columns if name and self._columns.count(name) > 1})  # Excel: ",,,"
        if twice:
            raise Stopped(USAGE, f"IN names the column {twice[0]!r} twice")
        if not self._id_column and "id" in self._columns:
            self._id_column = "id"
        for name in [self._column, *([self._id_column] if self._id_column else [])]:
            if name not in self._columns:
                has = ", ".join(map(repr, self._columns)) or "none: it is empty"
                raise Stopped(USAGE, f"IN has no column {name!r}; its columns: {has}")

    def rows(self, first: int = 1) -> Iterator[Row]:
        text_at = self._columns.index(self._column)
        id_at = self._columns.index(self._id_column) if self._id_column else None
        for number, cells in enumerate(itertools.islice(self._cells(), first - 1, None), first):
            text = cells[text_at] if text_at < len(cells) else ""
            named = cells[id_at] if id_at is not None and id_at < len(cells) else number
            yield Row(
                number=number,
                id=named,
                text=text,
                cells=cells,
                complaint=self._complaint(cells, text),
                size=sum(map(len, cells)),
                ends_at=self._lines.bytes_read(),
            )

    def head(self) -> bytes:
        named = [BESIDE + name if name in self._columns else name for name in (*self._answered, ERROR)]
        return (BOM if self._bom else b"") + self._written([*self._columns, *named])

    def line(self, row: Row, answer: Answer) -> bytes:
        width = len(self._columns)
        copied = [*row.cells[:width], *[""] * (width - len(row.cells))]
        fields = {WHOLE: dict(answer.fields)} if self._answered == (WHOLE,) and answer.fields else answer.fields
        said = [_cell(fields.get(name)) for name in self._answered]
        error = "" if answer.error is None else "{code}: {message}".format(**answer.error)
        return self._written([*copied, *said, error])

    def complete(self, out: BinaryIO) -> Iterator[bytes]:
        """Our writer doubles quotes, so a row ends where an even number of them has passed."""
        lines: list[bytes] = []
        quotes = 0
        for line in out:
            lines.append(line)
            quotes += line.count(b'"')
            if quotes % 2 == 0:
                if not line.endswith(b"\r\n"):
                    return
                yield b"".join(lines)
                lines, quotes = [], 0

    def _cells(self) -> Iterator[list[str]]:
        """Rows as lists; blank lines are none."""
        try:
            for cells in self._reader:
                if self._lines.have_ended:  # the reader looked for more: it would hand out all that follows as one row
                    where = f"in the row of line {self._lines.row_began}"
                    raise Stopped(USAGE, f"IN cannot be read as CSV: a quote {where} is never closed")
                self._lines.of_row, self._lines.row_began = 0, self._lines.number + 1
                if cells:
                    yield cells
        except csv.Error as error:
            raise Stopped(USAGE, f"IN cannot be read as CSV near its line {self._lines.number}: {error}") from error

    def _complaint(self, cells: Sequence[str], text: str) -> str:
        if len(cells) != len(self._columns):
            return f"line {self._lines.number}: {len(cells)} fields, where the first row has {len(self._columns)}"
        return half_letters(text, self._lines.number)

    def _written(self, cells: Sequence[str]) -> bytes:
        if self._excel_safe:
            cells = [f"'{cell}" if cell.startswith(RISKY) else cell for cell in cells]
        to = io.StringIO()
        csv.writer(to, delimiter=self._delimiter).writerow(cells)
        return to.getvalue().encode("utf-8", ENCODING)


class _Lines:
    """The lines of a file as `csv` wants them: with their ends, a lone carriage return being one. Raises `Stopped` for
    a row without end: a quote that nothing closes would swallow the rest."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._text = io.TextIOWrapper(source, encoding="utf-8-sig", errors=ENCODING, newline="")
        self.number = 0
        self.of_row = 0  # characters since the row began
        self.row_began = 1  # in this line
        self.have_ended = False  # somebody asked for a line behind the last one

    def bytes_read(self) -> int:
        return self._source.tell() if self._source.seekable() else 0

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(LONGEST_ROW):
            self.number += 1
            self.of_row += len(line)
            if self.of_row > LONGEST_ROW:
                much = f"a row is longer than {LONGEST_ROW} characters near line {self.number}"
                raise Stopped(USAGE, f"IN cannot be read as CSV: {much}; is a quote never closed?")
            yield line
        self.have_ended = True


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
