"""When the next request may go, and how many may be under way. Pure: whoever calls it says what time it is."""

from __future__ import annotations

import random
from collections.abc import Callable

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds, where a server does not say how long


class Flow:
    """Refused, all wait as long as was asked, and half as many go on; each answer makes room for a little more."""

    def __init__(self, most: int, patience: float, jitter: Callable[[], float] = random.random) -> None:
        self._most = most
        self._patience = patience
        self._jitter = jitter
        self._limit = float(most)
        self._in_a_row = 0  # refusals since the last answer
        self._refused_since: float | None = None
        self._resumes_at = 0.0

    @property
    def limit(self) -> int:
        """Requests that may be under way at once."""
        return int(self._limit)

    def pause(self, now: float) -> float:
        """Seconds until the next request may go."""
        return max(0.0, self._resumes_at - now)

    def answered(self) -> None:
        self._limit = min(float(self._most), self._limit + 1 / self._limit)
        self._in_a_row = 0
        self._refused_since = None

    def refused(self, now: float, asked_to_wait: float | None) -> bool:
        """Whether it is worth trying again: False where patience is at its end, or would be before we may."""
        is_first = now >= self._resumes_at  # those that were under way together are refused together
        if is_first:
            self._limit = max(1.0, self._limit / 2)
            self._in_a_row += 1
        self._refused_since = now if self._refused_since is None else self._refused_since
        wait = self._backoff() if asked_to_wait is None else asked_to_wait
        self._resumes_at = max(self._resumes_at, now + wait)
        return self._resumes_at - self._refused_since <= self._patience

    def _backoff(self) -> float:
        """Doubled with each refusal in a row, and spread, so that clients which were refused together do not come
        back together."""
        longest = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2.0 ** min(self._in_a_row - 1, 10))
        return longest * (0.5 + self._jitter() / 2)
