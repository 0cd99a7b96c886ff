"""Rows to write."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import count
from typing import Any

from broker.history.rows import HistoryRow

NUMBERS = count(1)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()


def micros(*when: int) -> int:
    """Of a moment in UTC: year, month, day …"""
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1_000_000)  # type: ignore[misc, arg-type]


def a_row(**fields: Any) -> HistoryRow:
    """One that nobody else has, at `NOW` unless it says when."""
    number = next(NUMBERS)
    return HistoryRow(**({"at": int(NOW * 1_000_000) + number, "id": number.to_bytes(16, "big")} | fields))


def recent(**fields: Any) -> HistoryRow:
    """One of a second ago."""
    return a_row(**{"at": int(time.time() * 1_000_000) - 1_000_000} | fields)


def a_whole_row() -> HistoryRow:
    """None of its fields is what it is by default."""
    return a_row(
        request_id="r-1",
        task="classification",
        model="demo",
        revision="abc",
        caller="fo2ykq7wm3xa",
        lane="bulk",
        status=422,
        code="invalid_input",
        input_hash=b"\x00\x01",
        input="Schrödinger 🐈",
        is_cut=True,
        output=b'{"label": "good"}',
        label="good",
        score=0.1,
        cost=7,
        queue=0.25,
        compute=0.5,
        batch_size=3,
        is_cached=True,
    )
