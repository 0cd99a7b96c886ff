"""How long to pause after the n-th error in a row."""

from __future__ import annotations

import random

SHORTEST, LONGEST = 0.02, 1.0  # seconds


class Backoff:
    """Doubling pauses with jitter, so that many front ends do not come back in step."""

    def __init__(self, shortest: float = SHORTEST, longest: float = LONGEST) -> None:
        self._shortest = shortest
        self._longest = longest
        self._next = shortest
        self.errors = 0  # in a row

    def reset(self) -> None:
        """It worked."""
        self._next = self._shortest
        self.errors = 0

    def pause(self) -> float:
        """Seconds to pause after one more error: between the shortest and what has built up."""
        self.errors += 1
        longest, self._next = self._next, min(self._next * 2, self._longest)
        return random.uniform(self._shortest, longest)
