"""How many bytes of requests a front end holds at once: those that arrive, are in work, or go out as answers."""

from __future__ import annotations

from types import TracebackType

from server.errors import Problem

SMALL = 65_536  # bytes: a request up to this may use all the room
RESERVED = 8  # larger ones leave one part in so many free, so that small ones pass beside many slow large ones


class BytesInHand:
    """The bytes of all requests of this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._most_large = most_large(most)
        self.held = 0

    def hold(self) -> Held:
        """For one request, until the end of its `with`."""
        return Held(self)

    def take(self, more: int, *, is_small: bool) -> None:
        """Raises `Problem` (overloaded) where there is no room for so many more."""
        if self.held + more > (self._most if is_small else self._most_large):
            raise Problem("overloaded", "There is no room for this request here at the moment: too many are in hand.")
        self.held += more


class Held:
    """What one request holds."""

    __slots__ = ("_bytes", "_total")

    def __init__(self, total: BytesInHand) -> None:
        self._total = total
        self._bytes = 0

    def __enter__(self) -> Held:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._total.held -= self._bytes

    def up_to(self, size: int) -> None:
        """The body has so many bytes, or will have. Raises `Problem` (overloaded)."""
        if size > self._bytes:
            self._total.take(size - self._bytes, is_small=size <= SMALL)
            self._bytes = size

    def add(self, size: int) -> None:
        """So many were made of it. This request is not refused for them, but the next one may be."""
        self._total.held += size
        self._bytes += size


def most_large(most: int) -> int:
    """How much of so much room all large requests together may use."""
    return most - most // RESERVED
