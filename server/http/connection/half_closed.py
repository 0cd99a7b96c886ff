"""Whether a client that sends no more still listens. TCP cannot tell it from one that has gone, until we write.

Every response begins with the same bytes. They are written ahead of it, one at a time: a client that listens needs them
anyway; if it has gone, its system answers with a reset, and the connection ends with the next byte.
"""

from __future__ import annotations

import asyncio
from typing import Any

from server.http.connection.exchange import Exchange

BEGINNING = b"HTTP/1.1 "
FIRST = 0.05  # seconds until the first byte: most responses are there by then. Each later one waits twice as long


class HalfClosed:
    """The transport of one request whose client sends no more."""

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self._exchange = exchange
        self._transport = exchange.transport
        self._loop = loop
        self._ahead = 0  # bytes of the next response that were written
        exchange.transport = self  # type: ignore[assignment]
        self._plan(FIRST)

    def write(self, data: bytes) -> None:
        """All of it but what was written ahead."""
        self._transport.write(data[self._ahead :])
        self._ahead = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _plan(self, seconds: float) -> None:
        self._loop.call_later(seconds, self._write_ahead, 2 * seconds)

    def _write_ahead(self, seconds: float) -> None:
        is_over = self._exchange.response_started or self._exchange.disconnected or self._transport.is_closing()
        if not is_over and self._ahead < len(BEGINNING):
            self._transport.write(BEGINNING[self._ahead : self._ahead + 1])
            self._ahead += 1
            self._plan(seconds)
