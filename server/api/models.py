"""GET /v1/models: every model this front end has seen, the gone ones too."""

from __future__ import annotations

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.common.tasks import EMBEDDING
from server.api.schema import service
from server.clustering.contract import default_threshold
from server.fleet.directory import Listed
from server.front_end import FrontEnd


def model_list(front_end: FrontEnd) -> Route:
    async def models(request: Request) -> Response:
        directory = front_end.directory
        entries = [_entry(one, directory.default(one.card.task)) for _, one in sorted(directory.listed.items())]
        return Response(msgspec.json.encode(service.ModelList(entries)), media_type="application/json")

    return Route("/v1/models", models, methods=["GET"])


def _entry(listed: Listed, default: str | None) -> service.ModelEntry:
    card = listed.card
    return service.ModelEntry(
        name=card.name,
        task=card.task,
        revision=card.revision,
        status=listed.status,
        default=card.name == default,
        batchers=listed.batchers,
        revisions=[
            service.RevisionEntry(revision=one.card.revision, status=one.status, batchers=one.batchers)
            for one in listed.revisions
        ],
        max_tokens=card.max_cost,
        languages=list(card.languages),
        labels=list(card.labels),
        description=card.description,
        threshold=default_threshold(card) if card.task == EMBEDDING.name else UNSET,
    )
