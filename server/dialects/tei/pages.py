"""GET /, and /info and /health of the model that the address names or of the one that a client would mean."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.common.tasks import CLASSIFICATION, EMBEDDING, RERANK
from broker.common.version import jitney_version
from broker.messages import FailureCode, ModelCard
from server.api.ops import well
from server.dialects.tei.errors import FLAVOUR
from server.dialects.tei.schema import TeiInfo
from server.errors import Problem
from server.fleet.directory import Directory
from server.front_end import FrontEnd

OF_ONE = "/models/{name}"
TASKS = (EMBEDDING.name, RERANK.name, CLASSIFICATION.name)  # which of them a server of TEI would have, by our guess
KINDS = {EMBEDDING.name: "embedding", RERANK.name: "reranker"}
NO_MODEL = "No model is there yet."


def root(front_end: FrontEnd) -> Route:
    """TEI's clients find its health here too."""
    return well(front_end, "/", b'{"status":"ok"}')


def info(front_end: FrontEnd) -> Route:
    return Route("/info", _info(front_end), methods=["GET"])


def info_of_one(front_end: FrontEnd) -> Route:
    return Route(f"{OF_ONE}/info", _info(front_end), methods=["GET"])


def health_of_one(front_end: FrontEnd) -> Route:
    async def health(request: Request) -> Response:
        _card(front_end, request)
        return Response(b'{"status":"ok"}', media_type="application/json")

    return Route(f"{OF_ONE}/health", health, methods=["GET"])


def _info(front_end: FrontEnd) -> Callable[[Request], object]:
    async def info(request: Request) -> Response:
        told = _told(_card(front_end, request), front_end)
        return Response(msgspec.json.encode(told), media_type="application/json")

    return info


def _card(front_end: FrontEnd, request: Request) -> ModelCard:
    """Of the live model that is asked for. Raises `Problem`, to be told in TEI's way."""
    request.scope["context"].refuse = FLAVOUR.refuse
    name = request.path_params.get("name") or _meant(front_end.directory)
    card = front_end.directory.named(front_end.called(name), front_end.clock()).card
    request.scope["context"].caller.check_model(card.name)
    return card


def _meant(directory: Directory) -> str:
    """Raises `Problem` (no_batcher)."""
    found = (directory.default(task) for task in TASKS)
    name = next((name for name in found if name is not None), None) or next(iter(directory.served), None)
    if name is None:
        raise Problem(FailureCode.NO_BATCHER, NO_MODEL)
    return name


def _told(card: ModelCard, front_end: FrontEnd) -> TeiInfo:
    labels = {str(number): label for number, label in enumerate(card.labels)}
    numbers = {label: number for number, label in enumerate(card.labels)}
    kind = KINDS.get(card.task, "classifier")
    return TeiInfo(
        model_id=card.name,
        model_sha=card.revision,
        served_model_name=card.name,
        model_type={kind: {} if kind == "embedding" else {"id2label": labels, "label2id": numbers}},
        max_input_length=card.max_cost,
        max_client_batch_size=front_end.settings.max_records,
        max_concurrent_requests=front_end.settings.max_queue_jobs,
        auto_truncate=card.options.get("long_text") == "truncate" or card.task == RERANK.name,
        version=jitney_version(),
    )
