"""Which endpoint answers at an address. Those of inferences are looked up, all others are found by Starlette."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote

from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from server.errors import Problem, Refusal

Refuse = Callable[[Problem, str], Refusal]  # with the request's id
SLASH = re.compile(b"%2f", re.IGNORECASE)  # one that belongs to a name, such as BAAI/bge-m3
KEPT = "%2F"  # how it stands in a path until its part is known
NONE: Mapping[str, str] = {}
NO_FLAVOURS: Mapping[str, Refuse] = {}


class Addresses:
    """Finds for each request what the router would find, which asks every route in turn whether it matches."""

    def __init__(
        self,
        router: ASGIApp,
        looked_up: Iterable[Route] = (),
        flavours: Mapping[str, Refuse] = NO_FLAVOURS,
    ) -> None:
        """`looked_up`: routes of the router before which no other one matches. `flavours`: how an address refuses, and
        where it ends in "/" all below it, those that lead nowhere too ("/" itself is an address as others); an endpoint
        that is looked up says it itself."""
        self.router = router
        self._flavours = flavours
        prefixes = [path for path in flavours if path.endswith("/") and path != "/"]
        self._longest_first = sorted(prefixes, key=len, reverse=True)
        self._fixed: dict[str, Route] = {}
        self._below: dict[str, tuple[Route, str]] = {}  # by what stands before the last part, with the name of that
        for route in looked_up:
            above, _, last = route.path.rpartition("/")
            if not route.param_convertors:
                self._fixed[route.path] = route
            elif [last] == [f"{{{name}}}" for name in route.param_convertors]:
                self._below[above] = (route, last[1:-1])

    def find(self, scope: Scope) -> ASGIApp:
        """The endpoint, or the router for what is not looked up. The scope of an endpoint then has its route."""
        route, parameters = self._fixed.get(scope["path"]), NONE
        if route is None:
            route, parameters = self._named(scope["path"])
        if route is None and SLASH.search(raw := scope.get("raw_path") or b""):
            scope["path"] = KEPT.join(unquote(part.decode("ascii")) for part in SLASH.split(raw))
            route, parameters = self._named(scope["path"])
        if route is None or "" in parameters.values() or scope["method"] not in (route.methods or ()):
            return self._otherwise(scope)
        scope["route"], scope["path_params"] = route, parameters
        return route.app

    def _named(self, path: str) -> tuple[Route | None, Mapping[str, str]]:
        above, _, last = path.rpartition("/")
        route, name = self._below.get(above, (None, ""))
        return route, {name: last}

    def _otherwise(self, scope: Scope) -> ASGIApp:
        path = scope["path"].replace("//", "/")  # that is what clients make of an address with a / at its end
        refuse = self._flavours.get(path)
        if refuse is None:
            prefix = next((prefix for prefix in self._longest_first if path.startswith(prefix)), "")
            refuse = self._flavours.get(prefix)
        if refuse is not None:
            scope["context"].refuse = refuse
        return self.router


def part(value: str) -> str:
    """What stands for a name in a template, with the slashes that belong to it."""
    return value.replace(KEPT, "/")
