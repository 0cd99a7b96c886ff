"""The OpenAPI document, made of the table of addresses, the types in `schema/`, the settings and the live models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from broker.common.tasks import LANGUAGES, task_of
from broker.messages import ModelCard
from server.api.described.parameters import parameters
from server.api.described.responses import responses
from server.api.described.schemas import REF, Json, ref
from server.api.described.security import SCHEMES, asks_for_keys, refusing, secured
from server.api.described.shared import joined
from server.api.operation import JSON, Operation
from server.api.operations import CALL, CLUSTERING, OF_TASK
from server.api.schema.stream import StreamEnd
from server.api.tasks import bodies_of
from server.dialects.families import chosen, operations
from server.languages.identify import AUTO
from server.settings import ServerSettings
from server.webhooks.described import EVENTS as TOLD
from server.webhooks.described import webhooks

FORM = "multipart/form-data"
PICTURES = ("image/*", "application/octet-stream")  # content types of a body that is a picture itself


@dataclass(frozen=True, slots=True)
class Live:
    """The models that can be called now."""

    cards: Sequence[ModelCard] = ()

    def of(self, task: str) -> Sequence[ModelCard]:
        return [card for card in self.cards if card.task == task]

    def languages(self, task: str) -> list[str]:
        return sorted({language for card in self.of(task) for language in card.languages})


def document(version: str, settings: ServerSettings, live: Live) -> Json:
    """OpenAPI 3.1, its schemas in the dialect of JSON Schema 2020-12."""
    spoken = list(operations(chosen(settings.dialects)))
    is_native = CALL in spoken
    if has_keys := asks_for_keys(settings):
        spoken = list(map(refusing, spoken))
    types = [
        kind
        for one in spoken
        for kind in (one.body, one.form, one.reply, one.problem, *one.further.values())
        if kind is not None
    ]
    told = TOLD if settings.webhooks else ()
    _, schemas = msgspec.json.schema_components([*types, StreamEnd, *told], ref_template=REF)
    for one in spoken:
        if one.bound is not None:
            one.bound(schemas, settings, [card.name for card in live.of(one.task)])
    paths: Json = {}
    for one in spoken:
        told_of = _operation(one, ref(one.body), live.languages(one.task), settings)
        methods = paths.setdefault(one.path, {})
        methods[one.method] = joined(methods[one.method], told_of) if one.method in methods else told_of
    if is_native:
        _bound(schemas, settings, live)
        paths |= _of_models(schemas, settings, live)
    components: Json = {"schemas": schemas}
    if has_keys:
        components["securitySchemes"] = SCHEMES
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {"title": "Jitney", "version": version, "description": "Requests leave for the GPU in batches."},
        "paths": paths,
        **({"webhooks": webhooks()} if settings.webhooks else {}),
        **(secured(paths, settings) if has_keys else {}),
        "components": components,
    }


def _bound(schemas: Json, settings: ServerSettings, live: Live) -> None:
    """What this front end takes at most by our own API, and what its models know."""
    schemas["Record"]["properties"]["text"]["maxLength"] = settings.max_body_bytes
    schemas["PictureRecord"]["properties"]["image"]["maxLength"] = settings.max_image_body_bytes
    for one in (*OF_TASK.values(), CALL, CLUSTERING):
        assert one.body is not None
        fields = schemas[one.body.__name__.replace("Request", "Payload")]["properties"]
        fields["records"]["maxItems"] = getattr(settings, one.most_records)
        tasks = [task for task, other in OF_TASK.items() if other.body is one.body] or [one.task]
        fields["model"]["examples"] = [card.name for card in live.cards if card.task in tasks]
        if task_of(one.task).has_languages and (languages := live.languages(one.task)):
            for name in LANGUAGES:
                fields[name] |= {"enum": _choices(name, languages), "examples": languages[:1]}


def _choices(name: str, languages: list[str]) -> list[str]:
    """What one of `LANGUAGES` may be: a source can be found out."""
    return [*languages, AUTO] if name == "fromLang" else languages


def _of_models(schemas: Json, settings: ServerSettings, live: Live) -> Json:
    """A model's own address, for there the body has the fields of its task and its languages."""
    found = {}
    for card in live.cards:
        like = OF_TASK.get(bodies_of(card).task.name, CALL)
        one = replace(like, path=f"/models/{card.name}", summary=f"{like.summary}, by the model {card.name}")
        found[one.path] = {one.method: _operation(one, _own_body(schemas, like, card), card.languages, settings)}
    return found


def _own_body(schemas: Json, like: Operation, card: ModelCard) -> Json:
    """The body at a model's own address. A model with languages has one of its own, beside that of its task."""
    assert like.body is not None
    request = like.body.__name__
    if not card.languages or not task_of(like.task).has_languages:
        return ref(like.body)
    payload = request.replace("Request", "Payload")
    own, fields = f"{payload}_{card.name}", schemas[payload]["properties"]
    languages = {name: fields[name] | {"enum": _choices(name, sorted(card.languages))} for name in LANGUAGES}
    schemas[own] = schemas[payload] | {"title": own, "properties": fields | languages}
    whole = f"{request}_{card.name}"
    schemas[whole] = schemas[request] | {"title": whole, "properties": {"payload": {"$ref": REF.format(name=own)}}}
    return {"$ref": REF.format(name=whole)}


def _operation(one: Operation, body: Json, languages: Sequence[str], settings: ServerSettings) -> Json:
    found: Json = {
        "operationId": "_".join([one.method, *re.findall(r"[A-Za-z0-9]+", one.path)]),
        "summary": one.summary,
        "parameters": parameters(one, settings),
        "responses": responses(one),
    }
    if one.body is not None:
        if body.get("type") == "array":
            body |= {"maxItems": getattr(settings, one.most_records)}
        content = {"schema": body} | ({"example": one.example(languages)} if one.example else {})
        pictures: Json = {} if one.address is None else {kind: {"schema": {}} for kind in PICTURES}
        found["requestBody"] = {"required": True, "content": {JSON: content} | pictures}
    if one.form is not None:
        found["requestBody"] = {"required": True, "content": {FORM: {"schema": ref(one.form)}}}
    return found
