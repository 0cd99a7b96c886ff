"""How far a run is: a bar over the time it takes, and what came back so far."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.lib.loops import Sender
from benchmarks.lib.summary import ANSWERED

EVERY = 1.0  # seconds
WIDTH = 24  # of the bar
LINE = 79  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What came back since the last one."""

    seconds: float  # since the start of the run
    answered: int
    failed: int


async def counting(sender: Sender, report: Callable[[Tally], None]) -> None:
    """A tally every second, until it is cancelled."""
    counted = 0
    while True:
        await sender.sleep(EVERY)
        fresh = sender.calls[counted:]
        counted += len(fresh)
        answered = sum(call.outcome == ANSWERED for call in fresh)
        report(Tally(seconds=sender.now(), answered=answered, failed=len(fresh) - answered))


@dataclass(slots=True, kw_only=True)
class Progress:
    """The line on the terminal, of one process or of several. Written over by the next one, and wiped at the end."""

    whole: float  # seconds that the run takes
    answered: int = 0
    failed: int = 0

    def add(self, tally: Tally) -> None:
        self.answered += tally.answered
        self.failed += tally.failed
        self._write(bar(tally.seconds, self.whole, self.answered, self.failed))

    def wipe(self) -> None:
        self._write("")

    def _write(self, line: str) -> None:
        print(f"{line:<{LINE}}\r", end="", file=sys.stderr, flush=True)


def bar(seconds: float, whole: float, answered: int, failed: int) -> str:
    """`[######      ] 12/30 s, 18 s left: 2400 answered, 3 failed`."""
    done = min(seconds, whole)
    marks = "#" * round(WIDTH * done / whole)
    times = f"{done:.0f}/{whole:.0f} s, {whole - done:.0f} s left"
    return f"[{marks:<{WIDTH}}] {times}: {answered} answered, {failed} failed"
