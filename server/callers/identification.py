"""Every request is told who asks, before its endpoint sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.types import Scope

from server.callers.authentication import Authentication
from server.dialects.contract import RequestReader

# What orchestrators and balancers ask has no key; it tells strangers no more than that all is well, or is not.
OPEN = frozenset(("/livez", "/readyz", "/health", "/ping", "/v2/health/live", "/v2/health/ready", "/docs"))
OPEN |= {"/openapi.json"}
READS = ("GET", "HEAD")


def identification(
    authentication: Authentication | None, readers: Mapping[str, RequestReader]
) -> Callable[[Scope], None] | None:
    """What sets a context's caller. `readers`: of addresses where models answer, by their templates: they refuse in
    their own way."""
    if authentication is None:
        return None

    def identify(scope: Scope) -> None:
        """Raises `Problem`."""
        if is_open(scope):
            return
        context, route = scope["context"], scope.get("route")
        reader = readers.get(route.path) if route is not None else None
        if reader is not None:
            context.refuse = reader.refuse
        context.caller = authentication.caller(scope, context.headers)

    return identify


def is_open(scope: Scope) -> bool:
    """Whether an address asks nobody who they are."""
    return scope["method"] == "OPTIONS" or (scope["path"] in OPEN and scope["method"] in READS)
