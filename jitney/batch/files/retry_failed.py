"""Only the rows that failed, again: those of OUT that did not are kept as they are. Streams all three files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jitney.batch.contract import USAGE, Format, Item, Row, Stopped


def items_to_retry(rows: Iterator[Row], format: Format, out: Path, errors: Path) -> Iterator[Item]:
    """Every row of IN: with its line of OUT, or without where the list of errors names it. Raises `Stopped` where OUT
    was not made of IN."""
    failed = _failed(errors)
    expected: Any = next(failed, None)
    count = 0
    for count, (row, line) in enumerate(_side_by_side(rows, format, out), 1):
        is_failed = expected is not None and expected["row"] == count
        if is_failed and expected["id"] != row.id:
            raise Stopped(USAGE, f"{out} was not made of IN: its row {count} has another id")
        yield Item(row=row, kept=None if is_failed else line)
        expected = next(failed, None) if is_failed else expected
    if expected is not None:
        raise Stopped(USAGE, f"{errors} names row {expected['row']}, and IN has {count}")


def _side_by_side(rows: Iterator[Row], format: Format, out: Path) -> Iterator[tuple[Row, bytes]]:
    head = format.head()
    with out.open("rb") as file:
        if file.read(len(head)) != head:
            raise Stopped(USAGE, f"{out} was not made with these options: it begins otherwise")
        lines = format.complete(file)
        for row in rows:
            line = next(lines, None)
            if line is None:
                raise Stopped(USAGE, f"{out} was not made of IN: it has fewer rows")
            yield row, line
        if next(lines, None) is not None:
            raise Stopped(USAGE, f"{out} was not made of IN: it has more rows")


def _failed(errors: Path) -> Iterator[Any]:
    with errors.open("rb") as file:
        for line in file:
            yield json.loads(line)
