"""The six rows of the server that Jitney replaces, beside ours: whether a mean above its own could have been lower.

That card took about 0.40 s + 0.014 s a record for a batch: M2M100 with beams on one V100.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.lib.loops import Call
from benchmarks.lib.markdown import table
from benchmarks.lib.summary import ANSWERED
from benchmarks.stress.card import Card, least_mean

ITS_CARD = Card(fixed=0.400, per_job=0.014, largest=256)
REQUESTS = 100  # in each row


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was sent, and what the original did with it."""

    records: int  # in each request
    sleep: float  # seconds from one request to the next
    answered: int  # per cent
    mean: float  # seconds, of those answered
    min: float
    max: float


Measured = tuple[Row, Sequence[Call]]

ROWS = (
    Row(records=1, sleep=0.5, answered=100, mean=0.41, min=0.28, max=1.32),
    Row(records=16, sleep=0.5, answered=100, mean=0.62, min=0.53, max=0.88),
    Row(records=1, sleep=0.1, answered=100, mean=0.42, min=0.24, max=1.16),
    Row(records=16, sleep=0.1, answered=43, mean=10.37, min=1.84, max=12.91),
    Row(records=1, sleep=0.01, answered=36, mean=3.27, min=1.92, max=3.61),
    Row(records=16, sleep=0.01, answered=36, mean=13.69, min=13.33, max=14.01),
)


def markdown(measured: Sequence[Measured], card: Card | None = None) -> list[str]:
    """The original's rows and ours; `card` is what ours ran on, where that is known."""
    columns = "records|interval|the original: answered|mean / min / max s|Jitney: answered|mean / min / max s|mean"
    return list(table(columns, (_shown(row, calls, card) for row, calls in measured)))


def are_all_answered(measured: Sequence[Measured]) -> bool:
    """Every request of every row."""
    return all(call.outcome == ANSWERED for _, calls in measured for call in calls)


def _shown(row: Row, calls: Sequence[Call], card: Card | None) -> list[str]:
    took = [call.took for call in calls if call.outcome == ANSWERED]
    ours = f"{sum(took) / len(took):.2f} / {min(took):.2f} / {max(took):.2f}" if took else "-"
    return [
        str(row.records),
        f"{row.sleep:g} s",
        f"{row.answered} %",
        f"{row.mean:.2f} / {row.min:.2f} / {row.max:.2f}",
        f"{100 * len(took) // len(calls)} %",
        ours,
        _verdict(row, took, card) if took else "nothing answered",
    ]


def _verdict(row: Row, took: Sequence[float], card: Card | None) -> str:
    mean = sum(took) / len(took)
    if mean <= row.mean:
        return f"{mean / row.mean:.2f} of the original's"
    if card is None:
        return "above it"
    least = least_mean(card, [number * row.sleep for number in range(REQUESTS)], row.records)
    if least > row.mean:
        share = f"ours is {mean / least:.2f} of that"
        return f"above it, as any must be: no schedule of such a card is below {least:.3f} s; {share}"
    return f"above it, though a schedule of such a card has {least:.3f} s"
