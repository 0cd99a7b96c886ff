"""Equal inputs that are asked for at the same time are computed once: the first leads, the others wait for it.

Known as single flight (golang.org/x/sync/singleflight).
"""

from __future__ import annotations

import asyncio

from broker.messages import Lane
from server.cache.entry import Entry


class Flight:
    """An answer that is being computed."""

    __slots__ = ("_over", "entry", "has_failed", "is_over")

    def __init__(self) -> None:
        self.is_over = False
        self.entry: Entry | None = None  # what came of it; None when it is over: whoever waits has to do without
        self.has_failed = False  # it came to an end that others need not have: they compute for themselves
        self._over: asyncio.Future[None] | None = None  # where somebody waits: most have nobody

    @property
    def over(self) -> asyncio.Future[None]:
        """Done once it is over. Of all that wait, so none of them may cancel it."""
        if self._over is None:
            self._over = asyncio.get_running_loop().create_future()
            if self.is_over:
                self._over.set_result(None)
        return self._over

    def land(self, entry: Entry | None, *, has_failed: bool = False) -> None:
        self.is_over, self.entry, self.has_failed = True, entry, has_failed
        if self._over is not None:
            self._over.set_result(None)


class Flights:
    """Those of this process. Nobody waits for a lane that is served after its own, so each lane has its own."""

    def __init__(self) -> None:
        self._flights: dict[tuple[bytes, Lane], Flight] = {}

    def of(self, digest: bytes, lane: Lane) -> Flight | None:
        """The one that is under way."""
        return self._flights.get((digest, lane))

    def lead(self, digest: bytes, lane: Lane) -> None:
        """A new one, that `end` has to follow."""
        self._flights[digest, lane] = Flight()

    def end(self, digest: bytes, lane: Lane, entry: Entry | None = None, *, has_failed: bool = False) -> None:
        """Wake who waits. Without an entry they look again: the first of them leads then."""
        self._flights.pop((digest, lane)).land(entry, has_failed=has_failed)

    def __len__(self) -> int:
        return len(self._flights)
