"""What is looked up is what Starlette's router would have found."""

from __future__ import annotations

import pytest
from starlette.routing import Match, Route

from server.http.addresses import Addresses

PATHS = [
    "/rerank",
    "/rerank/",
    "/rerank\n",
    "/models",
    "/models/",
    "/models/a",
    "/models/a/b",
    "/models//",
    "/models/{name}",
]
PATHS += ["/models/a b", "/models/a\n", "/a/models/b", "/", "", "*", "//jitney", "/one/a/two", "/both/a/b", "models/a"]


def found_by_router(routes, scope):
    for route in routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            return route, found["path_params"]
    return None, None


@pytest.mark.parametrize("method", ["POST", "GET", "HEAD"])
@pytest.mark.parametrize("path", PATHS)
def test_what_is_looked_up_is_what_the_router_finds(path, method):
    async def endpoint(request): ...

    of_inferences = ["/rerank", "/models/{name}", "/one/{name}/two", "/both/{first}/{second}"]
    routes = [Route(path, endpoint, methods=["POST"]) for path in of_inferences]
    addresses = Addresses("the router", routes)
    scope = {"type": "http", "method": method, "path": path}

    app = addresses.find(scope)

    route, parameters = found_by_router(routes, scope)
    if app == "the router":
        assert route is None or path.startswith(("/one", "/both")) or "\n" in path
    else:
        assert (app, scope["route"], scope["path_params"]) == (route.app, route, parameters)


def test_those_of_a_prefix_refuse_in_its_way_wherever_they_lead():
    class Context:
        refuse = "ours"

    addresses = Addresses("the router", flavours={"/v1/": "theirs"})
    scopes = [{"method": "GET", "path": path, "context": Context()} for path in ("/v1/nowhere", "/nowhere")]

    assert [addresses.find(scope) for scope in scopes] == ["the router"] * 2
    assert [scope["context"].refuse for scope in scopes] == ["theirs", "ours"]
