"""What batching does to one model, as a table: every way beside the one without, within the same round. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.lib.markdown import table
from benchmarks.load.medians import middle
from benchmarks.load.rounds import (
    SERVERS,
    Rounds,
    batch_size,
    micros,
    p50,
    p99,
    per_second,
    ratio,
    remarks,
    shown,
)
from benchmarks.load.stretch import Load

WITHOUT, FIXED, ADAPTIVE = "one by one", "fixed", "adaptive"
WAYS = (WITHOUT, FIXED, ADAPTIVE)
CARRIED = 0.99  # of an open loop's requests: fewer answered is no rate that is carried
BESIDE = f"× {WITHOUT}"
COST = "CPU µs an answer: front end, batcher, broker"
COLUMNS = f"answers/s|{BESIDE}|answered|p50 ms|{BESIDE}|p99 ms|jobs a batch|{COST}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way under one load, once a round."""

    way: str
    load: Load
    rounds: Rounds

    @property
    def answered(self) -> float:
        """The share, of the round in which it was least."""
        return min(stretch.summary.answered_share for stretch in self.rounds)

    @property
    def is_carried(self) -> bool:
        return self.answered >= CARRIED


def batcher_of(way: str) -> str:
    """The title of its batcher."""
    return f"batcher {way}"


def markdown(about: Mapping[str, str], rows: Sequence[Row]) -> str:
    """The whole page."""
    lines = [f"- {name}: {value}" for name, value in about.items()]
    without = {row.load: row for row in rows if row.way == WITHOUT}
    said = remarks({f"{row.load.title}, {row.way}": row.rounds for row in rows})
    cells = [_cells(row, without[row.load]) for row in rows]
    return "\n".join([*lines, "", *table(f"load|batching|{COLUMNS}", cells), *(f"\n{line}" for line in said)])


def _cells(row: Row, without: Row) -> Sequence[str]:
    return (
        row.load.title,
        row.way,
        shown(middle(row.rounds, per_second), 0),
        shown(ratio(row.rounds, without.rounds, per_second), 2),
        f"{int(100 * row.answered)} %",
        shown(middle(row.rounds, p50)),
        shown(ratio(row.rounds, without.rounds, p50), 2),
        shown(middle(row.rounds, p99)),
        shown(middle(row.rounds, batch_size)),
        ", ".join(shown(middle(row.rounds, micros(server)), 0) for server in SERVERS),
    )
