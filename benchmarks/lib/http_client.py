"""Requests over HTTP/1.1 on kept connections and nothing else: a load generator must not be what it measures.

A general client (httpx2) spends about half a millisecond of Python on a request, several times what a front end spends
on its answer: on a shared machine one would measure the client. This one spends about 30 µs, because it can do so
little: one request at a time on a connection, replies with a Content-Length or in chunks. Over TLS the certificates of
the system count, or those of `SSL_CERT_FILE`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

Returned = TypeVar("Returned")
PORTS = {"http": 80, "https": 443}
JSON = "application/json"
BODILESS = (b"204", b"304")


def fast_run(main: Coroutine[Any, Any, Returned]) -> Returned:
    """Run it on uvloop where that is installed: half the client's own time."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `head` is its status line and its header lines, as they came."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> bytes:
        """The value of a header, empty when there is none. `name` in lower case."""
        return find_header(self.head, name)


class HttpClient:
    """As many connections as there are requests under way; the one used last is used next. `with` closes them."""

    def __init__(self, url: str) -> None:
        """`url` is `http://host:port`, or https, and may go on with a path. Raises `ValueError` for any other."""
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(f"{url!r} is not http://HOST:PORT or https://HOST:PORT")
        self._host, self._port = parts.hostname, parts.port or PORTS[parts.scheme]
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._authority, self._prefix = parts.netloc.rpartition("@")[2], parts.path.rstrip("/")
        self._kept: list[_Connection] = []

    def request(self, path: str, body: bytes, content_type: str = JSON, *, lane: str = "", prefer: str = "") -> bytes:
        """The bytes of one POST, to be sent any number of times."""
        asked = {"Content-Type": content_type, "Jitney-Lane": lane, "Prefer": prefer, "Content-Length": str(len(body))}
        return self._head("POST", path, asked) + body

    def get(self, path: str) -> bytes:
        """The bytes of one GET."""
        return self._head("GET", path, {})

    async def send(self, request: bytes) -> Reply:
        """The reply. Raises `OSError` for a server that is not there or hangs up, `ValueError` for one that babbles."""
        connection = self._take() or await self._connect()
        try:
            reply = await connection.ask(request)
        except BaseException:
            # A cancelled request's reply may still come: it must not be taken for the next one's.
            connection.close()
            raise
        self._kept.append(connection)
        return reply

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        """Headers without a value are left out."""
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def check(self) -> None:
        """Raises `OSError` when nobody listens."""
        self._kept.append(await self._connect())

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for connection in self._kept:
            connection.close()

    def _take(self) -> _Connection | None:
        while self._kept:
            connection = self._kept.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port, ssl=self._tls)
        return connection


class _Connection(asyncio.Protocol):
    """One request at a time. Callbacks, not streams: those cost a task switch and two copies more."""

    def __init__(self) -> None:
        self.is_open = True
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._reply: asyncio.Future[Reply] | None = None

    def ask(self, request: bytes) -> asyncio.Future[Reply]:
        self._received = b""
        self._reply = asyncio.get_running_loop().create_future()
        if self._transport is None or not self.is_open:
            self._fail(ConnectionResetError("the server closed the connection"))
        else:
            self._transport.write(request)
        return self._reply

    def close(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        try:
            reply = parse(self._received)
        except ValueError as error:
            self.close()
            self._fail(error)
            return
        if reply is not None:
            self._settle(reply)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._fail(ConnectionResetError("the server closed the connection"))

    def _settle(self, reply: Reply) -> None:
        if reply.header(b"connection").lower() == b"close":
            self.close()
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(reply)

    def _fail(self, error: Exception) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)


def parse(received: bytes) -> Reply | None:
    """The reply in these bytes; None while some of it is missing. Raises `ValueError` for what is none of ours."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head, rest = received[: end + 2], received[end + 4 :]
    body = _body(head, rest)
    return None if body is None else Reply(status=int(head[9:12]), head=head, body=body)


def _body(head: bytes, rest: bytes) -> bytes | None:
    length = find_header(head, b"content-length")
    if head.startswith(b"HTTP/1."):
        if length.isdigit():
            return rest if len(rest) >= int(length) else None
        if find_header(head, b"transfer-encoding").lower() == b"chunked":
            return _joined(rest)
        if head[9:12] in BODILESS:
            return b""
    raise ValueError(f"not a reply with a Content-Length or in chunks: {head[:60]!r}")


def _joined(rest: bytes) -> bytes | None:
    """The chunks as one; None while some are missing. Trailers are not read."""
    chunks: list[bytes] = []
    at = 0
    while (line := rest.find(b"\r\n", at)) >= 0:
        size = int(rest[at:line].partition(b";")[0], 16)
        start, at = line + 2, line + 2 + size + 2
        if len(rest) < at:
            return None
        if not size:
            return b"".join(chunks)
        chunks.append(rest[start : start + size])
    return None


def find_header(head: bytes, name: bytes) -> bytes:
    """The value of the first header of this name (lower case) in the lines of `head`; empty when there is none."""
    at = head.lower().find(b"\r\n" + name + b":")
    return head[at + len(name) + 3 : head.index(b"\r\n", at + 2)].strip() if at >= 0 else b""
