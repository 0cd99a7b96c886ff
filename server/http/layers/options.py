"""OPTIONS: which methods an address takes."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from server.errors import Problem

NOWHERE = "Nothing is here. GET /docs shows what there is."


class Options:
    """The ASGI endpoint that answers it for every address of these routes."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = routes  # a list that may still grow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = [route for route in self._routes if isinstance(route, Route) and _is_at(route, scope)]
        if not found:
            raise Problem("not_found", NOWHERE)
        scope["route"] = found[0]
        methods = sorted({method for route in found for method in route.methods or ()} | {"OPTIONS"})
        headers = [(b"allow", ", ".join(methods).encode("ascii"))]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _is_at(route: Route, scope: Scope) -> bool:
    return route.matches(scope)[0] is not Match.NONE
