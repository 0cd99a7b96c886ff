"""POST /models/{name} reaches any model; GET /v1/models lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from server.api import schema
from server.api.bodies import BodyReader
from server.api.classification import TASK as CLASSIFICATION
from server.api.embedding import TASK as EMBEDDING
from server.api.inference import Call, Inference, choose
from server.api.options import further_fields
from server.api.translation import TASK as TRANSLATION
from server.fleet.directory import Listed
from server.front_end import FrontEnd

OF_TASK: Mapping[str, BodyReader[Any]] = {
    TRANSLATION: BodyReader(schema.TranslationRequest),
    CLASSIFICATION: BodyReader(schema.ClassificationRequest),
    EMBEDDING: BodyReader(schema.EmbeddingRequest),
}
CUSTOM: BodyReader[Any] = BodyReader(schema.AnyRequest, takes_options=True)


def model_by_name(front_end: FrontEnd) -> Route:
    """The body is that of the model's task; a custom task gets every further field of the payload as an option."""

    def read(scope: Scope, body: bytes) -> Call:
        served = front_end.directory.named(scope["path_params"]["name"], front_end.clock())
        choose(scope, served)
        reader = OF_TASK.get(served.card.task, CUSTOM)
        asked, warnings = reader.read(body)
        payload = asked.payload
        options = payload.options() if reader is not CUSTOM else further_fields(body)
        if payload.model not in (None, served.card.name):
            warnings = [*warnings, f"'model' in the payload is not read here: the address names {served.card.name!r}."]
        return Call(served, payload.records, options, warnings)

    return Route("/models/{name}", Inference(front_end, read), methods=["POST"])


def model_list(front_end: FrontEnd) -> Route:
    """Every model this front end has seen, the gone ones too."""

    async def models(request: Request) -> Response:
        directory = front_end.directory
        entries = [_entry(one, directory.default(one.card.task)) for _, one in sorted(directory.listed.items())]
        return Response(msgspec.json.encode(schema.ModelList(entries)), media_type="application/json")

    return Route("/v1/models", models, methods=["GET"])


def _entry(listed: Listed, default: str | None) -> schema.ModelEntry:
    card = listed.card
    return schema.ModelEntry(
        name=card.name,
        task=card.task,
        revision=card.revision,
        status=listed.status,
        default=card.name == default,
        batchers=listed.batchers,
        revisions=[
            schema.RevisionEntry(revision=one.card.revision, status=one.status, batchers=one.batchers)
            for one in listed.revisions
        ],
        max_tokens=card.max_cost,
        languages=list(card.languages),
        labels=list(card.labels),
        description=card.description,
    )
