"""GET /livez and /readyz, for what starts, stops and routes to front ends; /health and /ping for clients of others."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.messages import FailureCode
from server.api.schema.service import Health
from server.errors import Problem
from server.front_end import FrontEnd
from server.http.health import liveness, readiness


def livez(front_end: FrontEnd) -> Route:
    async def live(request: Request) -> Response:
        is_alive, health = liveness(front_end)
        return _answer(is_alive, _as_seen_by(front_end, request, health))

    return Route("/livez", live, methods=["GET"])


def readyz(front_end: FrontEnd) -> Route:
    async def ready(request: Request) -> Response:
        is_ready, health = readiness(front_end)
        return _answer(is_ready, _as_seen_by(front_end, request, health))

    return Route("/readyz", ready, methods=["GET"])


def _as_seen_by(front_end: FrontEnd, request: Request, health: Health) -> Health:
    """A front end that asks for keys tells strangers no more than whether all is well. That there are no keys, which
    makes everybody a stranger, it tells everybody."""
    known = front_end.authentication
    if known is None or known.is_let_in(request.scope):
        return health
    return Health(health.status, [check for check in health.checks if check.name == "keys" and not check.ok])


def health(front_end: FrontEnd) -> Route:
    """What TEI, LibreTranslate and Hugging Face's clients ask; a 503 is told as their other errors are."""
    return well(front_end, "/health", b'{"status":"ok"}')


def ping(front_end: FrontEnd) -> Route:
    """What SageMaker and TorchServe ask."""
    return well(front_end, "/ping", b'{"status":"Healthy"}')


def well(front_end: FrontEnd, path: str, said: bytes) -> Route:
    """An address that says so while this process is ready, else 503."""

    async def answer(request: Request) -> Response:
        is_ready, health = readiness(front_end)
        if not is_ready:
            raise Problem(FailureCode.NO_BATCHER, f"This server is not ready: {health.status}.")
        return Response(said, media_type="application/json")

    return Route(path, answer, methods=["GET"])


def _answer(is_well: bool, health: Health) -> Response:
    return Response(msgspec.json.encode(health), status_code=200 if is_well else 503, media_type="application/json")
