"""`jitney report`: what the history says, as tables or as CSV."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from history.databases.errors import HistoryError
from history.databases.place import open_database
from history.reading.csv import csv_lines
from history.reading.queries import Selection
from history.reading.reader import HistoryReader
from history.views import REPORTS, Report
from jitney.admin.tables import NONE, printable, table

DONE, NOT_TO_BE_HAD = 0, 1
PATIENCE = 600.0  # seconds, for each report
OF_EACH = 10  # lines, where all reports are shown
SHARES, SECONDS = ("share",), ("p50", "p95")


def run_report(place: str, name: str, *, since: float, model: str, as_csv: bool) -> int:
    """All of them where none is named. Exit code 1 where the database cannot be asked. `since`: seconds before now."""
    selection = Selection(model=model, since=int(max(0.0, time.time() - since) * 1_000_000))
    try:
        reader = HistoryReader(partial(open_database, place, is_readonly=True, patience=PATIENCE))
        found = asyncio.run(_read(reader, [name] if name else list(REPORTS), selection))
    except HistoryError as error:
        print(printable(f"jitney: the history cannot be read: {error}"), file=sys.stderr)
        return NOT_TO_BE_HAD
    if as_csv:
        sys.stdout.write(csv_lines([REPORTS[name].columns, *found[name]]))
    else:
        most = None if name else OF_EACH
        print("\n\n".join("\n".join(_shown(one, rows, most)) for one, rows in found.items()))
    return DONE


async def _read(reader: HistoryReader, names: Sequence[str], selection: Selection) -> dict[str, list[list[Any]]]:
    return {name: await reader.report(name, selection) for name in names}


def _shown(name: str, rows: Sequence[Sequence[Any]], most: int | None) -> list[str]:
    one = REPORTS[name]
    lines = [f"{name}: {one.said}"]
    if not rows:
        return [*lines, "  nothing"]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    headings = [column.upper() for column in one.columns]
    cells = [list(map(_cell, one.columns, row)) for row in rows[:most]]
    lines += [f"  {line}" for line in table(headings, cells, names=_words(one), width=width and width - 2)]
    if most is not None and len(rows) > most:
        lines.append(f"  {len(rows) - most} more: jitney report {name}")
    return [printable(line) for line in lines]


def _words(one: Report) -> int:
    """How many columns are words, before those that are numbers."""
    return one.columns.index(one.numbers_from)


def _cell(column: str, value: Any) -> str:
    if value is None or value == "":
        return NONE
    if column in SHARES:
        return f"{value:.1%}"
    if column in SECONDS:
        return f"{value * 1000:.1f} ms"
    return f"{value:.3f}" if isinstance(value, float) else str(value).replace("\n", " ")
