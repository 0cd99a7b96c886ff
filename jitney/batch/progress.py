"""What a person sees of a batch, on standard error: a bar on a terminal, else a plain line now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

LINE_EVERY = 10.0  # seconds
SHORTEST = 1.0  # seconds of work before a rate is believed


@dataclass(slots=True, kw_only=True)
class Count:
    """How far a batch is. Pure: whoever asks says what time it is."""

    started: float
    total: int | None  # bytes of IN, where that is known
    before: int = 0  # rows that an earlier run wrote
    bytes_before: int = 0
    rows: int = 0
    failed: int = 0
    bytes: int = 0

    def rate(self, now: float) -> float:
        """Rows a second, of this run."""
        return (self.rows - self.before) / max(now - self.started, 0.001)

    def left(self, now: float) -> float | None:
        """Seconds; None where nobody can tell yet."""
        spent, read = now - self.started, self.bytes - self.bytes_before
        if self.total is None or read <= 0 or spent < SHORTEST:
            return None
        return max(0, self.total - self.bytes) * spent / read

    def line(self, now: float) -> str:
        """One line about it."""
        share = "" if not self.total else f" ({min(100, 100 * self.bytes // self.total)} %)"
        left = self.left(now)
        rest = "" if left is None else f", {timedelta(seconds=round(left))} left"
        return f"{self.rows:,} rows{share}, {self.rate(now):,.0f} rows/s, {self.failed:,} failed{rest}"


class Progress(Protocol):
    """Never what the rows say."""

    def moved(self, count: Count) -> None: ...

    def note(self, text: str) -> None: ...

    def end(self) -> None: ...


class Lines:
    """Without a terminal."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due = clock() + LINE_EVERY
        self._noted = ""

    def moved(self, count: Count) -> None:
        if self._clock() >= self._due:
            self._due = self._clock() + LINE_EVERY
            say(count.line(self._clock()))

    def note(self, text: str) -> None:
        if text != self._noted:  # a server that is away is so for many requests
            self._noted = text
            say(text)

    def end(self) -> None:
        pass


class Bar:
    """On a terminal."""

    def __init__(self, clock: Callable[[], float]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._clock = clock
        columns = SpinnerColumn(), BarColumn(), TextColumn("{task.description}", markup=False)
        self._bar: Any = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=None)
        self._bar.start()
        self._noted = ""

    def moved(self, count: Count) -> None:
        self._bar.update(self._task, total=count.total, completed=count.bytes, description=count.line(self._clock()))

    def note(self, text: str) -> None:
        if text != self._noted:
            self._noted = text
            self._bar.console.print(f"jitney batch: {text}", markup=False, highlight=False)

    def end(self) -> None:
        self._bar.stop()


def progress(clock: Callable[[], float]) -> Progress:
    return Bar(clock) if sys.stderr.isatty() else Lines(clock)


def say(text: str) -> None:
    """A line on standard error."""
    print(f"jitney batch: {text}", file=sys.stderr, flush=True)
