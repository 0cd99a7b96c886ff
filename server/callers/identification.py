"""Every request is told who asks, before anything is computed for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.types import Scope

from server.callers.authentication import Authentication
from server.callers.caller import Caller
from server.dialects.contract import RequestReader
from server.dialects.family import Family

# What orchestrators and balancers ask has no key; it tells strangers no more than that all is well, or is not. The last
# two LibreTranslate's own clients ask without one.
OPEN = frozenset(("/", "/livez", "/readyz", "/health", "/ping", "/v2/health/live", "/v2/health/ready", "/docs"))
OPEN |= {"/openapi.json", "/languages", "/frontend/settings"}
READS = ("GET", "HEAD")
OF_FILES = ("/v1/files", "/v1/batches")
BEYOND = "identify"  # in a scope: what is to be told the fields of a body, which may bring a key
# While a body is not read. It may do nothing, so what forgets to ask lets nobody in.
UNKNOWN = Caller(id="unknown", models=(), lanes=frozenset(), rights=frozenset())

Fields = Mapping[str, Any]


class Identification:
    """Sets each context's caller. `readers`: of addresses where models answer, by their templates: they refuse in their
    own way."""

    def __init__(
        self, authentication: Authentication, readers: Mapping[str, RequestReader], families: Sequence[Family]
    ) -> None:
        self._authentication = authentication
        self._readers = readers
        # Where clients put their key into the body, by the name of its field.
        self._in_bodies = {
            one.path: family.key_field for family in families if family.key_field for one in family.operations
        }

    def __call__(self, scope: Scope) -> None:
        """Raises `Problem`."""
        if is_open(scope):
            return
        context, route = scope["context"], scope.get("route")
        reader = self._readers.get(route.path) if route is not None else None
        if reader is not None:
            context.refuse = reader.refuse
        caller = self._authentication.caller(scope)
        if caller is None and scope["method"] == "POST" and (field := self._in_bodies.get(scope["path"])):
            context.caller, scope[BEYOND] = UNKNOWN, self._by_fields(scope, field)
            return
        context.caller = caller or self._authentication.stranger(scope)
        if right := "files" if scope["path"].startswith(OF_FILES) else "infer" if reader is not None else "":
            context.caller.check_right(right)

    def _by_fields(self, scope: Scope, field: str) -> Callable[[Fields], None]:
        def identify(fields: Fields) -> None:
            sent = fields.get(field) or ""  # some clients send an empty one for none
            known = self._authentication
            caller = known.holder(str(sent)) if sent else known.stranger(scope)
            caller.check_right("infer")
            scope["context"].caller = caller

        return identify


def is_open(scope: Scope) -> bool:
    """Whether an address asks nobody who they are."""
    return scope["method"] == "OPTIONS" or (scope["path"] in OPEN and scope["method"] in READS)
