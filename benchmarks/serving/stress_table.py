"""The six rows of the server that Jitney replaces, beside ours on a model that costs what its card's batches cost.

That card took about 0.40 s + 0.014 s a record for a batch: M2M100 with beams on one V100.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.lib.loops import Call
from benchmarks.lib.markdown import table
from benchmarks.lib.summary import ANSWERED

FIXED, PER_JOB = 0.400, 0.014  # seconds of a batch
LARGEST = 256  # jobs in a batch
SPEC = f"synthetic:{FIXED * 1000:g}ms+{PER_JOB * 1000:g}ms"
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


ROWS = (
    Row(records=1, sleep=0.5, answered=100, mean=0.41, min=0.28, max=1.32),
    Row(records=16, sleep=0.5, answered=100, mean=0.62, min=0.53, max=0.88),
    Row(records=1, sleep=0.1, answered=100, mean=0.42, min=0.24, max=1.16),
    Row(records=16, sleep=0.1, answered=43, mean=10.37, min=1.84, max=12.91),
    Row(records=1, sleep=0.01, answered=36, mean=3.27, min=1.92, max=3.61),
    Row(records=16, sleep=0.01, answered=36, mean=13.69, min=13.33, max=14.01),
)


def card_mean(row: Row, requests: int = REQUESTS) -> float:
    """Mean seconds of a request where such a card computes all that waits whenever it comes free, and nothing else
    costs anything. No lower bound: waiting for company may do a little better. Batches are at most `LARGEST` jobs."""
    dues = [number * row.sleep for number in range(requests)]
    free, at, took = 0.0, 0, 0.0
    while at < requests:
        free = max(free, dues[at])
        waiting = [due for due in dues[at:] if due <= free][: LARGEST // row.records]
        free += FIXED + PER_JOB * row.records * len(waiting)
        took += sum(free - due for due in waiting)
        at += len(waiting)
    return took / requests


def markdown(measured: Sequence[tuple[Row, Sequence[Call]]]) -> list[str]:
    """The original's rows and ours."""
    columns = "records|interval|the original: answered|mean / min / max s|Jitney: answered|mean / min / max s|mean"
    return list(table(columns, (_shown(row, calls) for row, calls in measured)))


def are_all_answered(measured: Sequence[tuple[Row, Sequence[Call]]]) -> bool:
    """Every request of every row."""
    return all(call.outcome == ANSWERED for _, calls in measured for call in calls)


def _shown(row: Row, calls: Sequence[Call]) -> list[str]:
    took = [call.took for call in calls if call.outcome == ANSWERED]
    ours = f"{sum(took) / len(took):.2f} / {min(took):.2f} / {max(took):.2f}" if took else "-"
    return [
        str(row.records),
        f"{row.sleep:g} s",
        f"{row.answered} %",
        f"{row.mean:.2f} / {row.min:.2f} / {row.max:.2f}",
        f"{100 * len(took) // len(calls)} %",
        ours,
        _verdict(row, sum(took) / len(took)) if took else "nothing answered",
    ]


def _verdict(row: Row, mean: float) -> str:
    if mean <= row.mean:
        return f"{mean / row.mean:.2f} of the original's"
    replayed = card_mean(row)
    card = f"; the card alone, batching what waits, takes {replayed:.2f} s" if replayed > row.mean else ""
    return f"above it{card}"
