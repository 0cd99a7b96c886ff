"""Heads that were read before: most clients say the same one again and again, and what came twice is not parsed."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

END = b"\r\n\r\n"
MOST = 512  # heads that are kept
LARGEST = 2048  # bytes of one that is kept
LARGEST_BODY = 65_536  # bytes of the body behind it
REMEMBERED = 4096  # heads that are known to have come once: some clients send an id with each request


@dataclass(frozen=True, slots=True)
class Head:
    """Request line and headers, as they were read."""

    scope: Scope  # to be copied for each request
    body: int  # bytes of the body that follows


class Heads:
    """Those that came twice, on whatever connection of a server."""

    # Why these bytes may stand for what the parser made of them: between two requests it is as it was in the beginning,
    # and from there it has read them, and a body behind them, as one request that ended with the last byte.

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}
        self._came_once: set[int] = set()

    def find(self, head: bytes) -> Head | None:
        """What these bytes say, if that is known."""
        return self._known.get(head)

    def learn(self, head: bytes, scope: Scope, body: int) -> None:
        """These bytes, and so many behind them, were one whole request."""
        if len(head) > LARGEST or body > LARGEST_BODY or not self._has_come(head):
            return
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[head] = Head({**scope}, body)  # the application will add to its own

    def _has_come(self, head: bytes) -> bool:
        key = hash(head)
        if key in self._came_once:
            return True
        if len(self._came_once) >= REMEMBERED:
            self._came_once.clear()
        self._came_once.add(key)
        return False
