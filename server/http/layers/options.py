"""Which methods an address takes: OPTIONS asks for them, and who asks by another is told."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.routing import Match, Route, Router
from starlette.types import Receive, Scope, Send

from server.errors import Problem

NOWHERE = "Nothing is here. GET /docs shows what there is."
SLASHES = "Nothing is here: the address has a / too many. Many clients want their server's without one at its end."


def nowhere(path: str) -> Problem:
    """What is told of an address where nothing is."""
    return Problem("not_found", SLASHES if "//" in path or path.endswith("/") else NOWHERE)


class Options:
    """The router, whose answers to both name the methods of all routes at an address, not of the first alone."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "OPTIONS":
            await self._answer(scope, send)
            return
        try:
            await self._router(scope, receive, send)
        except HTTPException as error:
            if error.status_code != 405:
                raise
            raise HTTPException(405, headers={"Allow": _methods(self._found(scope))}) from error

    async def _answer(self, scope: Scope, send: Send) -> None:
        found = self._found(scope)
        if not found:
            raise nowhere(scope["path"])
        scope["route"] = found[0]
        headers = [(b"allow", _methods(found, "OPTIONS").encode("ascii"))]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _found(self, scope: Scope) -> list[Route]:
        return [route for route in self._router.routes if isinstance(route, Route) and _is_at(route, scope)]


def _methods(routes: list[Route], *further: str) -> str:
    return ", ".join(sorted({method for route in routes for method in route.methods or ()}.union(further)))


def _is_at(route: Route, scope: Scope) -> bool:
    return route.matches(scope)[0] is not Match.NONE
