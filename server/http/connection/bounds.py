"""What a connection may send before there is a request, and a clear answer to what is not HTTP.

The checks run once for each chunk that arrives, and most of their work is done only while a head is unfinished.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from typing import Any

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from server.errors import Problem, document, headers
from server.http.connection.exchange import Exchange
from server.http.connection.half_closed import HalfClosed
from server.http.connection.protocol import Connection
from server.http.context import identity

log = structlog.get_logger("server")

MAX_HEAD = 64 << 10  # bytes of request line and headers
MAX_HEADERS = 100
HEAD_SECONDS = 15.0  # from the first byte of a request to the end of its headers
LINGER = 1.0  # seconds between the answer to a refused client and the close: a reset at once could take the answer away

STALLED_SECONDS = 30.0  # that a client may read nothing of an answer that fills its connection
WITHOUT_PATH = re.compile(rb"\A([^:/?#]+://[^/?#]+)([?#]|\Z)")  # `GET http://host HTTP/1.1` asks for its root

CUT_SHORT = "The request ended before it was complete."
NOT_HTTP = "These bytes are not a request in HTTP/1.1 that can be read."
TOO_LARGE = f"Request line and headers may have at most {MAX_HEAD} bytes, in at most {MAX_HEADERS} headers."
TOO_SLOW = f"The headers did not arrive within {HEAD_SECONDS:g} seconds."


class HeadTooLarge(Exception):
    """Request line and headers are above a limit."""


class BoundedProtocol(Connection):
    """A connection with bounds. `on_refusal` is called with the code of each problem that is answered here."""

    def __init__(self, *args: Any, on_refusal: Callable[[str], None] = lambda code: None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_refusal = on_refusal
        self._bytes = 0  # since the chunk in which the head began; some may belong to the request before
        self._first_chunk = 0  # bytes of that chunk
        self._head_timer: asyncio.TimerHandle | None = None  # while a head is open
        self._has_refused = False  # what still comes is thrown away
        self._has_ended = False  # the client has closed its side: it sends no more, but may listen
        self._unread = 0  # bytes of answers that the client had not taken when it was last looked at
        self._write_timer: asyncio.TimerHandle | None = None  # while the client is slow to take them

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:
        """The client sends no more. What it has asked for is still answered; then the connection ends."""
        last = self.last
        is_awaited = last is not None and not last.response_complete and not last.disconnected
        if is_awaited and self._is_in_a_stream():
            return None  # whoever closes while rows come reads no more of them, and the next may be far off
        if not is_awaited and (self._has_refused or not self.has_open_head):
            return None
        if not self._has_refused and (self.has_open_head or (last is not None and last.more_body)):
            self._refuse(Problem("malformed", CUT_SHORT))
        if last is not None and is_awaited and not self._has_ended and not last.disconnected:
            self._has_ended = True
            last.keep_alive = False
            if self.active is not None:
                HalfClosed(self.active, self.loop)
        return True

    def _is_in_a_stream(self) -> bool:
        """The last request that was read gets an answer whose length nobody knows, and some of it has been sent."""
        return self.active is self.last is not None and self.last.response_started and self.last.is_chunked

    def start(self, exchange: Exchange) -> None:
        super().start(exchange)
        if self._has_ended:
            HalfClosed(exchange, self.loop)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        super().resume_writing()

    def _start_write_timer(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(STALLED_SECONDS, self._end_stalled)

    def _end_stalled(self) -> None:
        if self.transport.get_write_buffer_size() < self._unread:
            self._start_write_timer()  # slow, but it takes some
        else:
            whose = identity(self.last.scope) if self.last is not None else {}
            log.debug("connection ended: its client takes no answer", **whose)
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._has_refused:
            return
        self._bytes = len(data) + (self._bytes if self.has_open_head else 0)
        try:
            self.feed(data)
        except httptools.HttpParserError as error:
            is_large = isinstance(error.__context__, HeadTooLarge)
            self._refuse(Problem("headers_too_large", TOO_LARGE) if is_large else Problem("malformed", NOT_HTTP))
            return
        if self.has_open_head:
            self._limit_head()
        elif self.last is None or self.last.response_complete:
            self.rest()  # empty lines, or the rest of a body that nobody wants

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))
        if len(self.headers) > MAX_HEADERS:
            raise HeadTooLarge

    def on_headers_complete(self) -> None:
        self._stop_head_timer()
        if self._bytes > MAX_HEAD and self._head_size() > MAX_HEAD:
            raise HeadTooLarge
        if self.url[:1] != b"/":
            self.url = WITHOUT_PATH.sub(rb"\1/\2", self.url)
        super().on_headers_complete()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def _limit_head(self) -> None:
        if self._head_timer is None:
            self._first_chunk = self._bytes
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._refuse, Problem("request_timeout", TOO_SLOW))
        elif self._bytes - self._first_chunk > MAX_HEAD:
            self._refuse(Problem("headers_too_large", TOO_LARGE))

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, problem: Problem) -> None:
        """Answer, unless the client would take that for the answer to another request, and close."""
        self._stop_head_timer()
        self._has_refused = True
        self._on_refusal(problem.code)
        request_id = secrets.token_hex(16)  # what its head says is not known
        log.debug("connection refused", request_id=request_id, code=problem.code)
        last = self.last
        if self.transport.is_closing():
            return
        if last is not None and not last.response_complete and not last.more_body:
            last.keep_alive = False  # a good request is under way: its answer will be the last
        elif self.active is not last or (last is not None and last.response_started and not last.response_complete):
            self.transport.close()
        else:
            self._abandon(last)
            self.transport.write(_response(problem, request_id))
            self.transport.write_eof()
            self.loop.call_later(LINGER, self.transport.close)

    def _abandon(self, exchange: Exchange | None) -> None:
        """The endpoint that waits for the rest of a broken body is told that its client has gone."""
        if exchange is not None:
            exchange.expects_continue = False  # else `100 Continue` would follow our answer
            exchange.lose()


def _response(problem: Problem, request_id: str) -> bytes:
    body = document(problem, request_id)
    named = dict(headers(problem, len(body)))
    named |= {b"x-request-id": request_id.encode("ascii"), b"connection": b"close"}
    lines = b"".join(b"%b: %b\r\n" % header for header in named.items())
    return STATUS_LINE[problem.status] + lines + b"\r\n" + body
