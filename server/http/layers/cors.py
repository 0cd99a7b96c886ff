"""Cross-origin requests: what browsers want to be told before a page of another origin may read an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVERY = "*"
ORIGIN = re.compile(r"(?:https?|[a-z-]+-extension)://[A-Za-z0-9.\-\[\]:]+")
KEPT = b"7200"  # seconds that a browser may keep what a preflight was told: Chrome keeps no answer longer
# Headers that scripts may read.
SHOWN = b"X-Request-ID, Jitney-Model, Server-Timing, Cache-Status, Retry-After, Location, ETag"


def parse_origins(text: str) -> list[str]:
    """Raises `ValueError` that says what is wrong with it."""
    found = text.replace(",", " ").split()
    for origin in found:
        if origin != EVERY and not ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin: https://host, https://host:port, moz-extension://id, or *")
    return found


class Cors:
    """Around the application where pages of these origins may call it. Nothing here lets a browser send cookies."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode("ascii") for origin in origins)
        self._is_for_all = EVERY in origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = dict(scope["headers"])
        told = self._told(asked, is_preflight=scope["method"] == "OPTIONS")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *told]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _told(self, asked: Mapping[bytes, bytes], *, is_preflight: bool) -> list[tuple[bytes, bytes]]:
        varies = [] if self._is_for_all else [(b"vary", b"Origin")]
        origin = asked.get(b"origin")
        if not self._is_for_all and origin not in self._origins:
            return varies
        allowed = b"*" if origin is None or self._is_for_all else origin
        found = [*varies, (b"access-control-allow-origin", allowed), (b"access-control-expose-headers", SHOWN)]
        if not is_preflight or b"access-control-request-method" not in asked:
            return found
        # Named one by one, for "*" does not mean Authorization.
        return [
            *found,
            (b"access-control-allow-methods", b"GET, POST, DELETE"),
            (b"access-control-allow-headers", asked.get(b"access-control-request-headers", b"*")),
            (b"access-control-max-age", KEPT),
        ]
