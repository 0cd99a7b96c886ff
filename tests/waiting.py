"""Waiting for something to hold, never for time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL = 0.02  # seconds between looks


def until(holds: Callable[[], object], what: str, *, within: float = 10.0) -> float:
    """Poll until it holds; how many seconds that took. Fails when time is up."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < within, f"waited {within} s in vain until {what}"
        time.sleep(POLL)
    return time.monotonic() - started
