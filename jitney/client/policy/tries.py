"""Whether a call that failed is tried again, and after how long. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

from jitney.client.errors import CannotReach, JitneyError, Refused
from jitney.client.policy.flow import LONGEST_PAUSE, SHORTEST_PAUSE

REPEATED = (408, 425, 429, 502, 503, 504)  # not 500: the model would fail again, at the same cost
NOT_DONE = (425, 429, 503)
BY_RECORDS = (400, 413, 422)  # perhaps one record's fault: then its half of the request is refused again
OF_THE_WHOLE = ("unknown_language",)  # never one record's fault


def is_passing(error: JitneyError) -> bool:
    """Whether it may go well at another try."""
    return isinstance(error, CannotReach) or (isinstance(error, Refused) and error.status in REPEATED)


def was_perhaps_done(error: JitneyError) -> bool:
    """Whether what was asked may have been done, and only the answer lost."""
    return is_passing(error) and not (isinstance(error, Refused) and error.status in NOT_DONE)


def is_by_records(status: int, code: str) -> bool:
    """Whether another part of the request may be answered."""
    return status in BY_RECORDS and code not in OF_THE_WHOLE


class Tries:
    """Those of one call: so many repetitions, all before one deadline."""

    def __init__(
        self,
        ends_at: float,
        repetitions: float,
        clock: Callable[[], float],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.ends_at = ends_at
        self._left = repetitions
        self._clock = clock
        self._jitter = jitter
        self._longest = SHORTEST_PAUSE

    def pause_after(self, error: JitneyError, *, may_repeat: bool = True) -> float:
        """Seconds until the next try. Raises the error where there is none: it would not help, come too late, or do
        again what `may_repeat` does not allow."""
        if not may_repeat and was_perhaps_done(error):
            raise error
        wait = error.retry_after if isinstance(error, Refused) else None
        if wait is None:
            wait = self._longest * self._jitter()  # all of it spread: those that failed together do not come together
            self._longest = min(LONGEST_PAUSE, 2 * self._longest)
        if not is_passing(error) or self._left == 0 or self._clock() + wait >= self.ends_at:
            raise error
        self._left -= 1
        return wait
