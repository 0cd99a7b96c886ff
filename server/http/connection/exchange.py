"""One request on a connection and the answer to it, as an ASGI application meets them.

uvicorn's RequestResponseCycle promises the same. This one makes an event only where somebody has to wait, and writes
the head of an answer together with the first of its body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import structlog
from starlette.types import ASGIApp, Message, Scope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from server.http.context import identity

if TYPE_CHECKING:
    from server.http.connection.protocol import Connection

log = structlog.get_logger("server")

STATUS = {status: line.rstrip(b"\r\n") for status, line in STATUS_LINE.items()}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CRASHED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
CONTROLS = bytes(code for code in (*range(32), 127) if code != ord("\t"))  # none of these stands in a header
WITHOUT_BODY = (204, 304)
JOINED = 65_536  # bytes of a body that are copied behind their head, for one write


class Exchange:
    """Read by the connection, answered by the application."""

    __slots__ = (
        "_body",
        "_connection",
        "_event",
        "_has_news",
        "_head",
        "_left",
        "disconnected",
        "expects_continue",
        "is_chunked",
        "keep_alive",
        "more_body",
        "response_complete",
        "response_started",
        "scope",
        "task",
        "transport",
    )

    def __init__(self, connection: Connection, scope: Scope, *, keep_alive: bool) -> None:
        self.scope = scope
        self.transport = connection.transport
        self.keep_alive = keep_alive
        self.expects_continue = False  # the client sends no body before it is told to go on
        self.more_body = True  # there is some to come
        self.disconnected = False  # nobody is left to be answered
        self.response_started = False
        self.response_complete = False
        self.is_chunked = False  # the length of the answer is not known
        self.task: asyncio.Task[None]
        self._connection = connection
        self._body: bytes | bytearray = b""  # what came since `receive` was called last
        self._has_news = False  # for `receive`
        self._event: asyncio.Event | None = None  # once somebody had to wait for news
        self._head = b""  # of an answer of known length, until the first of its body is there
        self._left = 0  # bytes of the answer that were announced and not yet sent

    def feed(self, data: bytes) -> None:
        """More of the request's body."""
        if self._body:
            self._body = bytearray(self._body) if isinstance(self._body, bytes) else self._body
            self._body += data
        else:
            self._body = data
        if len(self._body) > HIGH_WATER_LIMIT:
            self._connection.flow.pause_reading()
        self.wake()

    def fill(self, body: bytes) -> None:
        """The request's whole body."""
        self._body, self.more_body, self._has_news = body, False, True

    def end_body(self) -> None:
        """That was all of it."""
        self.more_body = False
        self.wake()

    def has_whole_body(self, size: int) -> bool:
        """All of the request's body is here, so many bytes, and none of it has been received."""
        return not self.more_body and len(self._body) == size

    def lose(self) -> None:
        """Nobody is left to be answered."""
        self.disconnected = True
        self.wake()

    def wake(self) -> None:
        """Whoever waits in `receive` goes on."""
        self._has_news = True
        if self._event is not None:
            self._event.set()

    async def run(self, app: ASGIApp) -> None:
        """The application's part; whatever becomes of it, the connection knows how to go on."""
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException:  # uvicorn cancels what is left when the time to shut down is over
            log.exception("application crashed", **identity(self.scope))
        if not self.response_complete and not self.disconnected:
            self._break_off()
        self._connection.state.tasks.discard(self.task)
        # These hold this one, as a `HalfClosed` does: else only the garbage collector would free them.
        del self.task, self._connection, self.transport

    def _break_off(self) -> None:
        log.error("answer broken off", **identity(self.scope), has_begun=self.response_started)
        self.transport.write(self._head if self.response_started else CRASHED)
        self.transport.close()
        self.disconnected = True

    async def receive(self) -> Message:
        """What ASGI says: the next of the body, or that the client is gone."""
        if self.expects_continue and not self.transport.is_closing():
            self.expects_continue = False
            self.transport.write(CONTINUE)
        if not self.disconnected and not self.response_complete:
            self._connection.flow.resume_reading()
            if not self._has_news:
                await self._wait()
        self._has_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self._body = bytes(self._body), b""
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def _wait(self) -> None:
        if self._event is None:
            self._event = asyncio.Event()
        self._event.clear()
        await self._event.wait()

    async def send(self, message: Message) -> None:
        """What ASGI says: the head of the answer, then its body. Waits as long as the client is slow to read."""
        flow = self._connection.flow
        if flow.write_paused and not self.disconnected:
            await flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            self._begin(message["status"], message.get("headers", ()))
        elif not self.response_complete:
            self._go_on(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            raise RuntimeError("this request has been answered")

    def _begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        headers = [*self._connection.state.default_headers, *headers]
        named = dict(headers)
        if named.get(b"connection", b"").lower() == b"close":
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append((b"connection", b"close"))
        if self.scope["method"] != "HEAD" and status not in WITHOUT_BODY:
            self.is_chunked = b"content-length" not in named
            self._left = int(named.get(b"content-length", 0))
        if self.is_chunked:
            headers.append((b"transfer-encoding", b"chunked"))
        head = _head(status, headers)
        self.response_started, self.expects_continue = True, False
        if self.is_chunked:
            self.transport.write(head)
        else:
            self._head = head

    def _go_on(self, body: bytes, *, is_last: bool) -> None:
        if self.scope["method"] == "HEAD":
            body = b""
        elif self.is_chunked:
            body = _chunk(body, is_last=is_last)
        else:
            self._left -= len(body)
            if self._left < 0 or (is_last and self._left):
                raise RuntimeError("the body of this answer has another length than its head says")
        self._write(body)
        if is_last:
            self._end()

    def _write(self, body: bytes) -> None:
        head, self._head = self._head, b""
        if len(body) <= JOINED:
            body = head + body
        elif head:
            self.transport.write(head)
        if body:
            self.transport.write(body)

    def _end(self) -> None:
        self.response_complete = True
        self.wake()
        if not self.keep_alive:
            self.transport.close()
        self._connection.on_answered()


def _head(status: int, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    lines = [STATUS[status], *[b": ".join(header) for header in headers], b"", b""]
    head = b"\r\n".join(lines)
    if len(head) - len(head.translate(None, CONTROLS)) != 2 * (len(lines) - 1):  # two for each end of a line
        raise RuntimeError("a header of this answer holds a control character")  # it could make lines of its own
    return head


def _chunk(body: bytes, *, is_last: bool) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return chunk + b"0\r\n\r\n" if is_last else chunk
