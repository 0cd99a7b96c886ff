"""A sleep that is as long as was asked: operating systems wake a sleeper late, even an idle one by tenths of a ms."""

from __future__ import annotations

import time
from collections.abc import Callable

DECAY = 0.9  # of the average with each sleep: about the last ten count
MOST_LATENESS = 0.001  # seconds: beyond this it is not the timer that was late, but the machine that was busy


class PreciseSleep:
    """Learns how late it is woken, and asks to be woken so much earlier."""

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._sleep, self._clock = sleep, clock
        self._lateness = 0.0  # seconds

    def __call__(self, seconds: float) -> None:
        started, asked = self._clock(), max(0.0, seconds - self._lateness)
        self._sleep(asked)
        late = min(max(self._clock() - started - asked, 0.0), MOST_LATENESS)
        self._lateness = DECAY * self._lateness + (1.0 - DECAY) * late
