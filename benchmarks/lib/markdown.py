"""Tables of markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(columns: str, rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """The lines of a table. `columns`: their names, with | between them."""
    names = columns.split("|")
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
