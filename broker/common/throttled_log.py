"""A line about what happens over and over: told at once, then seldom, then that it is over."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

EVERY = 30.0  # seconds between two lines about the same thing


class ThrottledLog:
    """Wraps a logger's method. Each line says how many times it stands for."""

    def __init__(self, tell: Callable[..., Any], clock: Callable[[], float] = monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._silent_until = float("-inf")
        self._times = 0
        self.lasts = False  # told, and not over

    def __call__(self, event: str, times: int = 1, **fields: Any) -> None:
        """It happened, so many times."""
        self._times += times
        self.lasts = True
        if (now := self._clock()) >= self._silent_until:
            self._tell(event, times=self._times, **fields)
            self._silent_until, self._times = now + EVERY, 0

    def is_over(self) -> bool:
        """It works again. True if that is news; what happens next is told at once."""
        was, self.lasts = self.lasts, False
        if was:
            self._silent_until, self._times = float("-inf"), 0
        return was
