"""HTTP as far as no endpoint sees it: bounds on what a connection may send before there is a request, and clear words
for what is no HTTP at all.

uvicorn reads heads without end and answers garbage in plain text. What is added here is asked once for each chunk of
bytes that arrives, and in earnest only while a head is unfinished.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from server.errors import Problem, document, headers

log = structlog.get_logger("server")

MAX_HEAD = 64 << 10  # bytes of request line and headers
MAX_HEADERS = 100
HEAD_SECONDS = 15.0  # from the first byte of a request to the end of its headers
LINGER = 1.0  # seconds that a refused client is still listened to: a closed door would take our answer from its hands

NOT_HTTP = "These bytes are not a request in HTTP/1.1 that can be read."
TOO_LARGE = f"Request line and headers may have at most {MAX_HEAD} bytes, in at most {MAX_HEADERS} headers."
TOO_SLOW = f"The headers did not arrive within {HEAD_SECONDS:g} seconds."


class HeadTooLarge(Exception):
    """More request line and headers than anybody needs."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `on_refusal` is told the code of whatever ends here."""

    def __init__(self, *args: Any, on_refusal: Callable[[str], None] = lambda code: None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_refusal = on_refusal
        self._has_open_head = False  # a request has begun, its headers have not ended
        self._bytes = 0  # since the chunk in which the head began; some may belong to what was before it
        self._first = 0  # bytes of that chunk
        self._timer: asyncio.TimerHandle | None = None  # of an open head
        self._is_deaf = False  # refused: what still comes is thrown away

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_a_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
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
            self._watch_head()
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
                    self._read_again(self._head_without_wish())

    def _should_upgrade(self) -> bool:
        """uvicorn asks this of a head that wishes to go on in another protocol, and then leaves the request alone.

        We speak nothing else, so it is answered in this one; but the parser takes what follows such a head for the
        other protocol, not for a body. So the head is fed once more, without the wish. CONNECT wishes by its name.
        """
        return bool(self.parser.get_method() != b"CONNECT")

    def _head_without_wish(self) -> bytes:
        version = self.parser.get_http_version().encode("ascii")
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _read_again(self, head: bytes) -> None:
        # By a new parser: where the connection ends with this request, the old one has seen the end of it.
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.parser.feed_data(head)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._has_open_head = True

    def on_headers_complete(self) -> None:
        self._has_open_head = False
        self._stop_timer()
        if len(self.headers) > MAX_HEADERS or (self._bytes > MAX_HEAD and self._head_size() > MAX_HEAD):
            raise HeadTooLarge
        super().on_headers_complete()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def _watch_head(self) -> None:
        if self._timer is None:
            self._first = self._bytes
            self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, Problem("request_timeout", TOO_SLOW))
        elif self._bytes - self._first > MAX_HEAD:
            self._refuse(Problem("headers_too_large", TOO_LARGE))

    def _wait_for_a_request(self) -> None:
        # uvicorn's own timer begins with the first answer; a connection that never asks would stay for ever.
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, problem: Problem) -> None:
        """Answer, where an answer would be taken for that of this request, and close."""
        self._stop_timer()
        self._is_deaf = True
        self._on_refusal(problem.code)
        log.debug("connection refused", code=problem.code)
        cycle = self.cycle
        if self.transport.is_closing():
            return
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False  # a good request is under way: its answer is the last
        elif self.pipeline or (cycle is not None and cycle.response_started and not cycle.response_complete):
            self.transport.close()
        else:
            self._abandon_cycle()
            self.transport.write(self._answer(problem))
            self.transport.write_eof()
            self.loop.call_later(LINGER, self.transport.close)

    def _abandon_cycle(self) -> None:
        """Whoever waits for the rest of a broken body is told that its client has gone."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False  # it would be told to go on, behind our last word
            self.cycle.message_event.set()

    def _answer(self, problem: Problem) -> bytes:
        request_id = secrets.token_hex(16)
        body = document(problem, request_id)
        named = dict(headers(problem, len(body)))
        named |= {b"x-request-id": request_id.encode("ascii"), b"connection": b"close"}
        lines = b"".join(b"%b: %b\r\n" % header for header in named.items())
        return STATUS_LINE[problem.status] + lines + b"\r\n" + body
