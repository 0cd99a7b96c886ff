"""GET /v1/models: every model this front end has seen, the gone ones too; and the live ones as OpenAI lists them."""

from __future__ import annotations

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.common.tasks import EMBEDDING
from server.api.schema import openai, service
from server.callers.caller import Caller
from server.clustering.contract import default_threshold
from server.fleet.directory import Listed
from server.front_end import FrontEnd
from server.http.addresses import part


def model_list(front_end: FrontEnd) -> Route:
    async def models(request: Request) -> Response:
        directory = front_end.directory
        caller = request.scope["context"].caller
        listed = [one for name, one in sorted(directory.listed.items()) if caller.may_use(name)]
        found = service.ModelList(
            models=[_entry(one, directory.default(one.card.task)) for one in listed],
            data=[_as_openai(one) for one in listed if one.status == "live"] + _by_alias(front_end, caller),
        )
        return Response(msgspec.json.encode(found), media_type="application/json")

    return Route("/v1/models", models, methods=["GET"])


def one_model(front_end: FrontEnd) -> Route:
    async def model(request: Request) -> Response:
        directory = front_end.directory
        asked = request.path_params["name"]
        card = directory.named(front_end.called(asked), front_end.clock()).card
        request.scope["context"].caller.check_model(card.name)
        found = _as_openai(directory.listed[card.name], part(asked))
        return Response(msgspec.json.encode(found), media_type="application/json")

    return Route("/v1/models/{name}", model, methods=["GET"])


def _as_openai(listed: Listed, alias: str = "") -> openai.OpenAIModel:
    return openai.OpenAIModel(id=alias or listed.card.name, created=int(listed.announced))


def _by_alias(front_end: FrontEnd, caller: Caller) -> list[openai.OpenAIModel]:
    """The live ones once more, by the names that an operator has given them."""
    listed = front_end.directory.listed
    named = ((alias, listed.get(name)) for alias, name in sorted(front_end.aliases.items()))
    return [
        _as_openai(one, alias) for alias, one in named if one and one.status == "live" and caller.may_use(one.card.name)
    ]


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
