"""What a connection may send before there is a request, and a clear answer to what is not HTTP.

uvicorn reads heads of any size and answers garbage in plain text. The checks added here run once for each chunk that
arrives, and most of their work is done only while a head is unfinished.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from typing import Any

import httptools
import structlog
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from server.errors import Problem, document, headers
from server.http.half_closed import HalfClosed

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


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `on_refusal` is called with the code of each problem that is answered here."""

    def __init__(self, *args: Any, on_refusal: Callable[[str], None] = lambda code: None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_refusal = on_refusal
        self._has_open_head = False  # a request has begun, its headers have not ended
        self._bytes = 0  # since the chunk in which the head began; some may belong to the request before
        self._first_chunk = 0  # bytes of that chunk
        self._head_timer: asyncio.TimerHandle | None = None  # while a head is open
        self._has_refused = False  # what still comes is thrown away
        self._has_ended = False  # the client has closed its side: it sends no more, but may listen
        self._active: RequestResponseCycle | None = None  # the request whose answer is next; `cycle` is the last read
        self._unread = 0  # bytes of answers that the client had not taken when it was last looked at
        self._write_timer: asyncio.TimerHandle | None = None  # while the client is slow to take them

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_a_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self.resume_writing()
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        if self._active is not None and not self._active.response_complete:
            self._active.disconnected = True  # uvicorn tells the last one only, and the first would write to nobody
            self._active.message_event.set()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client sends no more. What it has asked for is still answered; then the connection ends."""
        is_awaited = self.cycle is not None and not self.cycle.response_complete and not self.cycle.disconnected
        if is_awaited and self._is_in_a_stream():
            return None  # whoever closes while rows come reads no more of them, and the next may be far off
        if not is_awaited and (self._has_refused or not self._has_open_head):
            return None
        if not self._has_refused and (self._has_open_head or self.cycle.more_body):
            self._refuse(Problem("malformed", CUT_SHORT))
        if is_awaited and not self._has_ended and not self.cycle.disconnected:
            self._has_ended = True
            self.cycle.keep_alive = False
            if self._active is not None:
                HalfClosed(self._active, self.loop)
        return True

    def _is_in_a_stream(self) -> bool:
        """The last request that was read gets an answer whose length nobody knows, and some of it has been sent."""
        return self._active is self.cycle and self.cycle.response_started and bool(self.cycle.chunked_encoding)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)
        if self._has_ended:
            HalfClosed(cycle, self.loop)

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
            log.debug("connection ended: its client takes no answer")
            self.transport.abort()

    def timeout_keep_alive_handler(self) -> None:
        """Idle, with its last answer taken; else a close would wait for that, for ever."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def data_received(self, data: bytes) -> None:
        if self._has_refused:
            return
        self._unset_keepalive_if_required()
        self._bytes = len(data) + (self._bytes if self._has_open_head else 0)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            is_large = isinstance(error.__context__, HeadTooLarge)
            self._refuse(Problem("headers_too_large", TOO_LARGE) if is_large else Problem("malformed", NOT_HTTP))
            return
        if self._has_open_head:
            self._limit_head()
        elif self.cycle is None or self.cycle.response_complete:
            self._wait_for_a_request()  # empty lines, or the rest of a body that nobody wants

    def _feed(self, data: bytes | memoryview) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as asked:
                data = memoryview(data)[asked.args[0] :]
                if self._should_upgrade():
                    self._read_again(self._head_without_upgrade())

    def _should_upgrade(self) -> bool:
        """uvicorn asks this about a head with `Upgrade`, and then ignores the header: there is no other protocol here.

        But the parser takes what follows such a head for the other protocol and not for a body. So it is fed the head
        once more, without that header. CONNECT upgrades by its method, so it would not help there.
        """
        return bool(self.parser.get_method() != b"CONNECT")

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode("ascii")
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _read_again(self, head: bytes) -> None:
        # By a new parser: the old one takes the connection for ended where this request closes it.
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.parser.feed_data(head)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._has_open_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """uvicorn's, with a bound."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))
        if len(self.headers) > MAX_HEADERS:
            raise HeadTooLarge

    def on_headers_complete(self) -> None:
        self._has_open_head = False
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

    def _wait_for_a_request(self) -> None:
        # uvicorn's own timer begins with the first answer; a connection that never asks would stay for ever.
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, problem: Problem) -> None:
        """Answer, unless the client would take that for the answer to another request, and close."""
        self._stop_head_timer()
        self._has_refused = True
        self._on_refusal(problem.code)
        log.debug("connection refused", code=problem.code)
        cycle = self.cycle
        if self.transport.is_closing():
            return
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False  # a good request is under way: its answer will be the last
        elif self.pipeline or (cycle is not None and cycle.response_started and not cycle.response_complete):
            self.transport.close()
        else:
            self._abandon_cycle()
            self.transport.write(self._response(problem))
            self.transport.write_eof()
            self.loop.call_later(LINGER, self.transport.close)

    def _abandon_cycle(self) -> None:
        """The endpoint that waits for the rest of a broken body is told that its client has gone."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False  # else `100 Continue` would follow our answer
            self.cycle.message_event.set()

    def _response(self, problem: Problem) -> bytes:
        request_id = secrets.token_hex(16)
        body = document(problem, request_id)
        named = dict(headers(problem, len(body)))
        named |= {b"x-request-id": request_id.encode("ascii"), b"connection": b"close"}
        lines = b"".join(b"%b: %b\r\n" % header for header in named.items())
        return STATUS_LINE[problem.status] + lines + b"\r\n" + body
