"""After a computation that raised: groups that each run alone, until the guilty are found. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from batcher.engines.bisection import Bisection, halves
from batcher.models.translation.sequence import Flight


class Trials:
    """One search at a time. While it lasts nobody else joins."""

    def __init__(self) -> None:
        self._groups: deque[Sequence[Flight]] = deque()
        self._inquiry: Bisection | None = None
        self._running: set[str] = set()  # ids of the group that runs

    def __bool__(self) -> bool:
        """Whether a search goes on."""
        return self._inquiry is not None

    def __len__(self) -> int:
        """Jobs in groups that have not run yet."""
        return sum(map(len, self._groups))

    def open(self, suspects: Sequence[Flight]) -> list[Flight]:
        """These were in a computation that raised. Returns those that are done for: the guilty one; or all, when
        nothing but failures has come of so many tries.
        """
        if self._inquiry is None:
            self._inquiry = Bisection(len(suspects))
        self._inquiry.failed()
        self._running.clear()
        for flight in suspects:
            flight.start_over()
        if self._inquiry.is_hopeless():
            lost = [*suspects, *(flight for group in self._groups for flight in group)]
            self._groups.clear()
            self._close_if_over()
            return lost
        if len(suspects) > 1:
            self._groups.extendleft(reversed(halves(suspects)))
            return []
        self._close_if_over()
        return list(suspects)

    def next_group(self) -> Sequence[Flight]:
        """The next to run, alone; empty while one runs still."""
        if self._running or not self._groups:
            return ()
        group = self._groups.popleft()
        self._running = {flight.job.id for flight in group}
        return group

    def ended(self, ids: Collection[str]) -> None:
        """These came to an answer."""
        if self._inquiry is not None and not self._running.isdisjoint(ids):
            self._inquiry.answered()
        self.drop(ids)

    def drop(self, ids: Collection[str]) -> None:
        """These are not held any more."""
        self._running.difference_update(ids)
        kept = ([flight for flight in group if flight.job.id not in ids] for group in self._groups)
        self._groups = deque(group for group in kept if group)
        self._close_if_over()

    def _close_if_over(self) -> None:
        if not self._running and not self._groups:
            self._inquiry = None
