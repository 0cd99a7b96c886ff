"""What of the Open Inference Protocol tells how this server and its models are."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.common.version import jitney_version
from broker.messages import FailureCode, ModelCard
from server.dialects.oip import schema as oip
from server.dialects.oip.tensors import described
from server.errors import Problem
from server.front_end import FrontEnd
from server.http.health import liveness, readiness

MODEL = "/v2/models/{name}"


def server(front_end: FrontEnd) -> Route:
    told = oip.OipServer(name="jitney", version=jitney_version(), extensions=["binary_tensor_data"])
    return _page("/v2", lambda request: told)


def live(front_end: FrontEnd) -> Route:
    def answer(request: Request) -> oip.OipLive:
        return oip.OipLive(live=_required(*liveness(front_end)))

    return _page("/v2/health/live", answer)


def ready(front_end: FrontEnd) -> Route:
    def answer(request: Request) -> oip.OipReady:
        return oip.OipReady(ready=_required(*readiness(front_end)))

    return _page("/v2/health/ready", answer)


def model(front_end: FrontEnd) -> Route:
    def answer(request: Request) -> oip.OipModel:
        card = _card(front_end, request)
        inputs, outputs = described(card)
        return oip.OipModel(name=card.name, platform=f"jitney_{card.task}", inputs=inputs, outputs=outputs)

    return _page(MODEL, answer)


def model_ready(front_end: FrontEnd) -> Route:
    def answer(request: Request) -> oip.OipModelReady:
        return oip.OipModelReady(name=_card(front_end, request).name, ready=True)

    return _page(f"{MODEL}/ready", answer)


def _page(path: str, answer: Callable[[Request], msgspec.Struct]) -> Route:
    async def page(request: Request) -> Response:
        return Response(msgspec.json.encode(answer(request)), media_type="application/json")

    return Route(path, page, methods=["GET"])


def _required(is_well: bool, health: object) -> bool:
    """Raises `Problem` (no_batcher)."""
    if not is_well:
        raise Problem(FailureCode.NO_BATCHER, "This server is not well: GET /livez and /readyz say more.")
    return True


def _card(front_end: FrontEnd, request: Request) -> ModelCard:
    """Of the live model that the address names. Raises `Problem`."""
    name = request.path_params["name"]
    card = front_end.directory.named(front_end.called(name), front_end.clock()).card
    request.scope["context"].caller.check_model(card.name)
    return card
