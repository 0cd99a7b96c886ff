"""What a client says on one connection, cut into requests that are answered in their order.

It keeps what uvicorn's server asks of a protocol: it is among the server's connections, so are its tasks, and it shuts
down.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any
from urllib.parse import unquote

import httptools
import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from server.http.connection.exchange import Exchange
from server.http.connection.heads import END, Heads

ASGI = {"version": "3.0", "spec_version": "2.3"}


class Connection(asyncio.Protocol):
    """Hands each request to the application as soon as its headers are there."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        heads: Heads | None = None,
    ) -> None:
        """`heads`: those that connections of this server have read."""
        if not config.loaded:
            config.load()
        self._app: ASGIApp = config.loaded_app
        self.loop = _loop or asyncio.get_running_loop()
        self.state = server_state
        self.transport: asyncio.Transport
        self.flow: FlowControl
        self.parser: Any = self._new_parser()  # None: the connection is lost
        self._heads = heads or Heads()
        self.has_open_head = False  # a request has begun, its headers have not ended
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.last: Exchange | None = None  # the request that was read last, or is being read
        self.active: Exchange | None = None  # the request whose answer is next
        self._later: deque[Exchange] = deque()  # the requests behind it
        self._is_upgrading = False  # what the parser says is of a request that will be read once more
        self.timeout_keep_alive: float = config.timeout_keep_alive  # seconds
        self._idle_since = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport, self.flow = transport, FlowControl(transport)
        self._client, self._server = get_remote_addr(transport), get_local_addr(transport)
        self.state.connections.add(self)  # type: ignore[arg-type]  # which names those of uvicorn
        self.rest()
        self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._end_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self.state.connections.discard(self)
        self._later.clear()
        for exchange in {self.active, self.last}:
            if exchange is not None and not exchange.response_complete:
                exchange.lose()
        self.active = self.last = None  # one that never began holds this connection
        self.flow.resume_writing()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self.parser = None  # which holds this one

    def shutdown(self) -> None:
        """The server ends: the answer that is awaited is the last one."""
        if self.last is not None and not self.last.response_complete:
            self.last.keep_alive = False
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()

    def rest(self) -> None:
        """From now on it is idle, if there is no request."""
        self._idle_since = self.loop.time()

    def _end_idle(self) -> None:
        """Close it if it has been idle long enough. One timer a connection looks again and again: a new one for each
        request cost more than reading its head."""
        is_idle = not self.has_open_head and (self.last is None or self.last.response_complete)
        left = self.timeout_keep_alive - (self.loop.time() - self._idle_since if is_idle else 0.0)
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._end_idle)
        elif self.transport.get_write_buffer_size():
            self.transport.abort()  # a close would wait until its last answer is taken, for ever
        else:
            self.transport.close()

    def feed(self, data: bytes) -> None:
        """Read on. Raises `HttpParserError` for what is no HTTP."""
        last = self.last
        if self.has_open_head or (last is not None and (last.more_body or not last.keep_alive)):
            self._parse(data)
            return
        head = data[: data.find(END) + len(END)]
        known = self._heads.find(head)
        if known is not None and len(head) + known.body == len(data):
            scope = {**known.scope, "client": self._client, "server": self._server}
            exchange = Exchange(self, scope, keep_alive=True)
            exchange.fill(data[len(head) :])
            self._take(exchange)
        else:
            self._parse(data)
            if self.last is not last:
                self._learn(head, len(data) - len(head))

    def _learn(self, head: bytes, size: int) -> None:
        """Keep what was read of this head, if it is one: if all behind it has become the body of the request that was
        read. Chunks are more than what they carry, and what follows CONNECT is no body, whatever its head says."""
        last = self.last
        if last is not None and last.keep_alive and not last.expects_continue and last.has_whole_body(size):
            self._heads.learn(head, last.scope, size)

    def _parse(self, data: bytes | memoryview) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as asked:
                data = memoryview(data)[asked.args[0] :]
                if self._is_upgrading:
                    self._is_upgrading = False
                    self._read_again(self._head_without_upgrade())

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # As uvicorn does: what a client sends behind its last request is no error in that.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _head_without_upgrade(self) -> bytes:
        """Of a head that asks for another protocol. There is none here, but the parser takes what follows for that and
        not for a body. So it is fed the head once more, without that header.
        """
        version = self.parser.get_http_version().encode("ascii")
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _read_again(self, head: bytes) -> None:
        self.parser = self._new_parser()  # the old one takes the connection for ended where this request closes it
        self.parser.feed_data(head)

    def on_message_begin(self) -> None:
        self.has_open_head, self.url, self.headers = True, b"", []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.has_open_head = False
        parser = self.parser
        method = parser.get_method()
        if parser.should_upgrade() and method != b"CONNECT":  # that upgrades by its method: nothing to leave out
            self._is_upgrading = True
            return
        scope = self._scope(method.decode("ascii"), parser.get_http_version())
        exchange = Exchange(self, scope, keep_alive=scope["http_version"] != "1.0" and parser.should_keep_alive())
        exchange.expects_continue = scope["named_headers"].get(b"expect", b"").lower() == b"100-continue"
        self._take(exchange)

    def _scope(self, method: str, version: str) -> Scope:
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        return {
            "type": "http",
            "asgi": ASGI,
            "http_version": version,
            "scheme": "http",
            "method": method,
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            "headers": self.headers,
            "named_headers": dict(self.headers),  # of a name that comes twice the last
            "client": self._client,
            "server": self._server,
        }

    def _take(self, exchange: Exchange) -> None:
        before, self.last = self.last, exchange
        if before is None or before.response_complete:
            self.start(exchange)
        else:
            self.flow.pause_reading()
            self._later.append(exchange)

    def start(self, exchange: Exchange) -> None:
        """Its answer is next."""
        self.active = exchange
        exchange.task = self.loop.create_task(exchange.run(self._app))
        self.state.tasks.add(exchange.task)

    def on_body(self, body: bytes) -> None:
        if self.last is not None and not self._is_upgrading and not self.last.response_complete:
            self.last.feed(body)

    def on_message_complete(self) -> None:
        if self.last is not None and not self._is_upgrading and not self.last.response_complete:
            self.last.end_body()

    def on_answered(self) -> None:
        """The active request has its whole answer: the next one's turn."""
        self.state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self._later:
            self.start(self._later.popleft())
        else:
            self.rest()
