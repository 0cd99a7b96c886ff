"""Tables and quantities for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

GAP = "  "
NARROWEST = 8  # characters: a name cut shorter says nothing
NONE = "–"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, names: int, width: int | None) -> list[str]:
    """Aligned lines. The first `names` columns are words: they stand left, and shrink to fit `width` characters. The
    last columns that find no room even so are left out whole, and named below."""
    cells = [list(headings), *(list(row) for row in rows)]
    wide = [max(len(row[at]) for row in cells) for at in range(len(headings))]
    if width is not None:
        wide = _fitted(wide, names, width)
    lines = [GAP.join(_fit(row[at], size, left=at < names) for at, size in enumerate(wide)) for row in cells]
    return [line.rstrip()[:width] for line in lines] + _without(headings[len(wide) :], width)


def _fitted(wide: Sequence[int], names: int, width: int) -> list[int]:
    least = [min(size, NARROWEST) if at < names else size for at, size in enumerate(wide)]
    columns = len(wide)
    while columns > 1 and _across(least[:columns]) > width:
        columns -= 1
    kept = list(wide[:columns])
    while _across(kept) > width and max(kept[:names]) > NARROWEST:
        kept[kept.index(max(kept[:names]))] -= 1
    return kept


def _across(wide: Sequence[int]) -> int:
    return sum(wide) + len(GAP) * (len(wide) - 1)


def _without(headings: Sequence[str], width: int | None) -> list[str]:
    if not headings or width is None:
        return []
    return wrap(f"no room for {', '.join(headings)}: make the window wider", width)


def _fit(cell: str, size: int, *, left: bool) -> str:
    if len(cell) > size:  # both ends tell names apart: what it is, and which one
        head = (size - 1) // 2
        cell = f"{cell[:head]}…{cell[len(cell) - (size - 1 - head) :]}"
    return cell.ljust(size) if left else cell.rjust(size)


def printable(text: str) -> str:
    """Fit for a terminal. Names come from whoever may write to the registry: no escape of theirs is obeyed."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def count(value: int) -> str:
    """A number; -1 is a key that holds something else."""
    return str(value) if value >= 0 else "?"


def seconds(value: float) -> str:
    """`0.4 s`, `3 min`, `2.5 h`."""
    if value < 90:
        return f"{value:.1f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"


def size(value: float) -> str:
    """`512 B`, `1.2 MiB`."""
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
