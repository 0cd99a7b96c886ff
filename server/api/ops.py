"""GET /livez and /readyz, for what starts, stops and routes to front ends."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.api.schema.service import Health
from server.front_end import FrontEnd
from server.http.health import liveness, readiness


def livez(front_end: FrontEnd) -> Route:
    async def live(request: Request) -> Response:
        return _answer(*liveness(front_end))

    return Route("/livez", live, methods=["GET"])


def readyz(front_end: FrontEnd) -> Route:
    async def ready(request: Request) -> Response:
        return _answer(*readiness(front_end))

    return Route("/readyz", ready, methods=["GET"])


def _answer(is_well: bool, health: Health) -> Response:
    return Response(msgspec.json.encode(health), status_code=200 if is_well else 503, media_type="application/json")
