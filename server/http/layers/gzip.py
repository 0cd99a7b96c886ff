"""Answers that go out compressed, to clients that take it, where they are large enough for that to pay."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from functools import partial

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.codecs.pool import CodecPool
from server.errors import Problem

GZIP = 31  # zlib's number for that format
FASTEST = (
    1  # 12 ms of a core for a MB of JSON, and a tenth larger than the usual level makes it, in a third of the time
)
LARGEST = 32 << 20  # bytes of an answer that are held for it
KINDS = (b"application/json", b"application/problem+json", b"text/html")  # of answers that shrink, and are held whole
NEVER = re.compile(rb";\s*q=0(\.0{0,3})?\s*$")


class Gzip:
    """Around the application, where operators want it: networks are rarely slower than the thread that compresses."""

    def __init__(self, app: ASGIApp, pool: CodecPool, least: int) -> None:
        self._app = app
        self._pool = pool
        self._least = least  # bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] != "HEAD" and takes_gzip(scope["headers"]):
            send = Packing(send, self._pool, self._least).send
        await self._app(scope, receive, send)


class Packing:
    """One answer on its way out."""

    def __init__(self, to_client: Send, pool: CodecPool, least: int) -> None:
        self._to_client = to_client
        self._pool = pool
        self._least = least
        self._head: Message | None = None  # of an answer that is to be compressed, until its body is there
        self._parts: list[bytes] = []

    async def send(self, message: Message) -> None:
        """What ASGI asks for."""
        if message["type"] == "http.response.start" and self._pays(dict(message["headers"])):
            self._head = message
        elif self._head is None:
            await self._to_client(message)
        else:
            if part := message.get("body"):
                self._parts.append(part)
            if not message.get("more_body"):
                parts, self._parts = self._parts, []
                await self._send_whole(self._head, parts[0] if len(parts) == 1 else b"".join(parts))

    def _pays(self, headers: dict[bytes, bytes]) -> bool:
        kind = headers.get(b"content-type", b"").partition(b";")[0]
        size = int(headers.get(b"content-length", b"0"))
        return kind in KINDS and b"content-encoding" not in headers and self._least <= size <= LARGEST

    async def _send_whole(self, head: Message, body: bytes) -> None:
        try:
            packed = await self._pool.run_gzip(partial(zlib.compress, body, FASTEST, GZIP))
        except Problem:  # too many stand in line there
            packed = body
        if len(packed) < len(body):
            kept = [(name, value) for name, value in head["headers"] if name != b"content-length"]
            told = [(b"content-length", b"%d" % len(packed)), (b"content-encoding", b"gzip")]
            head["headers"], body = [*kept, *told, (b"vary", b"Accept-Encoding")], packed
        await self._to_client(head)
        await self._to_client({"type": "http.response.body", "body": body, "more_body": True})
        # Waits until a slow client has read most of it: until then it is in hand, as what is not compressed is.
        await self._to_client({"type": "http.response.body", "body": b""})


def takes_gzip(every_header: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a client says so."""
    said = [one for name, value in every_header if name == b"accept-encoding" for one in value.lower().split(b",")]
    return any(one.partition(b";")[0].strip() in (b"gzip", b"x-gzip") and not NEVER.search(one) for one in said)
