"""GET /docs and /openapi.json: what a front end can be asked, for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.common.version import jitney_version
from server.api.described.openapi import Live, document
from server.front_end import FrontEnd
from server.json import to_json
from server.settings import ServerSettings

# The page loads nothing and calls nothing but this front end: the policy enforces it.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:"


def docs(front_end: FrontEnd) -> Route:
    """A page that shows the document and tries it out."""

    async def page(request: Request) -> Response:
        return Response(_page(), media_type="text/html", headers={"content-security-policy": POLICY})

    return Route("/docs", page, methods=["GET"])


def openapi(front_end: FrontEnd) -> Route:
    """The document for machines."""

    written = _Written(front_end.settings)

    async def described(request: Request) -> Response:
        served = front_end.tasks.discovery.directory.served
        live = Live(tuple(served[name].card for name in sorted(served)))
        return Response(written.document(live), media_type="application/json")

    return Route("/openapi.json", described, methods=["GET"])


@cache
def _page() -> str:
    return resources.files("server").joinpath("pages/docs.html").read_text(encoding="utf-8")


class _Written:
    """The document as JSON, made again when other models live."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._keys: Sequence[str] | None = None
        self._json = b""

    def document(self, live: Live) -> bytes:
        keys = [card.key for card in live.cards]
        if keys != self._keys:
            self._keys, self._json = keys, to_json(document(jitney_version(), self._settings, live))
        return self._json
