"""The OpenAPI document, made of the table of addresses, the types in `schema/`, the settings and the live models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import msgspec

from broker.common.tasks import LANGUAGES, task_of
from broker.messages import Lane, ModelCard
from broker.settings import NAME
from server.api.described.security import SCHEMES, asks_for_keys, refusing, secured
from server.api.described.shared import joined
from server.api.operation import JSON, Operation
from server.api.operations import CALL, CLUSTERING, OF_TASK
from server.api.schema.predictions import PredictionDocument
from server.api.schema.service import ProblemDocument
from server.api.schema.stream import StreamEnd
from server.api.tasks import bodies_of
from server.dialects.families import chosen, operations
from server.errors import ASKS_TO_COME_BACK, ENDS_THE_CONNECTION, KINDS, LONGEST_RETRY, SHORTEST_RETRY
from server.http.body import SHORTEST_LIMIT
from server.languages.identify import AUTO
from server.settings import ServerSettings
from server.streams.forms import EVENTS, LINES
from server.webhooks.described import EVENTS as TOLD
from server.webhooks.described import webhooks

Json = dict[str, Any]
REF = "#/components/schemas/{name}"
PROBLEMS = {ProblemDocument: "application/problem+json"}  # the content type of each kind, JSON for the others
FORM = "multipart/form-data"
LARGEST_EVENT = 999_999_999  # an id has nine digits at most
PICTURES = ("image/*", "application/octet-stream")  # content types of a body that is a picture itself
IDEMPOTENCY_HEADER = (
    "Idempotency-Key",
    "the same request with the same key is the same prediction (respond-async) or batch",
)
LATER_HEADERS = (
    (
        "Prefer",
        "respond-async: answered at once with 202 and where to fetch the result; with wait=S only after so long",
    ),
    IDEMPOTENCY_HEADER,
)
WEBHOOK_HEADER = (
    "Jitney-Webhook",
    "an address that is told, signed, when the prediction (respond-async) or the batch has ended",
)
FURTHER = {
    202: "It is open: the document says how far it is",
    204: "It had ended, and is forgotten; of events: the client has all of them",
    304: "The client has this document: If-None-Match",
}


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
        told_of = _operation(one, _ref(one.body), live.languages(one.task), settings)
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
        return _ref(like.body)
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
        "parameters": _parameters(one, settings),
        "responses": _responses(one),
    }
    if one.body is not None:
        if body.get("type") == "array":
            body |= {"maxItems": getattr(settings, one.most_records)}
        content = {"schema": body} | ({"example": one.example(languages)} if one.example else {})
        pictures: Json = {} if one.address is None else {kind: {"schema": {}} for kind in PICTURES}
        found["requestBody"] = {"required": True, "content": {JSON: content} | pictures}
    if one.form is not None:
        found["requestBody"] = {"required": True, "content": {FORM: {"schema": _ref(one.form)}}}
    return found


def _parameters(one: Operation, settings: ServerSettings) -> list[Json]:
    found = []
    if "{name}" in one.path:
        named = {"type": "string", "pattern": f"^{NAME}$"}
        found.append({"name": "name", "in": "path", "required": True, "schema": named})
    if "{id}" in one.path:
        found.append({"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}})
    if one.is_followed:
        said, number = "the last event that came: what is told begins behind it", {"type": "integer", "minimum": 0}
        number |= {"maximum": LARGEST_EVENT}
        found.append({"name": "Last-Event-ID", "in": "header", "description": said, "schema": number})
    if 304 in one.further:
        said = "the ETag of the document that the client has: 304 while nothing has changed"
        found.append({"name": "If-None-Match", "in": "header", "description": said, "schema": {"type": "string"}})
    if one.query is not None:
        found += _behind_question_mark(one.query)
    if one.address is not None:
        found += _behind_question_mark(one.address)
    if one.body is not None and one.has_model:
        found += [
            {"name": name, "in": "header", "description": description, "schema": kind}
            for name, description, kind in _client_headers(settings)
        ]
    is_later = one.body is not None and 202 in one.further
    further = [*(LATER_HEADERS if is_later else [IDEMPOTENCY_HEADER] if one.has_webhook else ())]
    further += [WEBHOOK_HEADER] if settings.webhooks and (is_later or one.has_webhook) else []
    found += [
        {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}
        for name, description in further
    ]
    return found


def _behind_question_mark(address: type[Any]) -> list[Json]:
    _, schemas = msgspec.json.schema_components([address])
    fields = schemas[address.__name__]["properties"]
    return [
        {"name": name, "in": "query", "description": schema.pop("description"), "schema": schema}
        for name, schema in fields.items()
    ]


def _client_headers(settings: ServerSettings) -> Sequence[tuple[str, str, Json]]:
    limit = {"type": "number", "minimum": SHORTEST_LIMIT, "maximum": settings.max_timeout}
    return (
        ("X-Request-Timeout", "seconds this request may take", limit | {"default": settings.default_timeout}),
        (
            "Jitney-Lane",
            "bulk: fills the room that interactive requests leave in the batches, and an eighth of them at least",
            {"type": "string", "enum": [lane.value for lane in Lane], "default": Lane.INTERACTIVE.value},
        ),
        (
            "X-Request-ID",
            "an id of your own, echoed and logged: up to 128 of letters, digits and ._:/+=@-; another is replaced",
            {"type": "string"},
        ),
        (
            "traceparent",
            "W3C Trace Context: its trace id is logged beside the request's, and it goes with the jobs",
            {"type": "string"},
        ),
        (
            "tracestate",
            "W3C Trace Context: goes with the jobs beside a traceparent, up to 512 characters of it",
            {"type": "string"},
        ),
    )


def _responses(one: Operation) -> Json:
    content = _events() if one.is_followed else {one.media_type: {"schema": _ref(one.reply)}}
    rows = _streams(one) if one.has_rows else {}
    ok: Json = {"description": "The answer", "headers": _headers(one, one.ok), "content": content | rows}
    unwell = {"503": {"description": one.unwell, "headers": _headers(one, 200), "content": content}}
    told = {PROBLEMS.get(one.problem, JSON): {"schema": _ref(one.problem)}}
    problems = {
        str(status): {"description": _titles(one, status), "headers": _headers(one, status), "content": told}
        for status in one.problems
    }
    further = {str(status): _further(one, status, reply) for status, reply in one.further.items()}
    return {str(one.ok): ok} | further | (unwell if one.unwell else {}) | problems


def _further(one: Operation, status: int, reply: Any) -> Json:
    found = {"description": FURTHER[status], "headers": _headers(one, status)}
    return found | ({"content": {JSON: {"schema": _ref(reply)}}} if reply is not None else {})


def _streams(one: Operation) -> Json:
    """The same by rows, each sent as its record ends. The schema of lines is that of one line."""
    (row,) = get_args(next(field.type for field in msgspec.structs.fields(one.reply) if field.name == "result"))
    index = {"properties": {"index": {"type": "integer", "description": "the record's place in the request"}}}
    lines = {"anyOf": [{"allOf": [_ref(row), index]}, _ref(StreamEnd)]}
    events = {"type": "string", "description": "events record (a row), done (the end) and error, with JSON as data"}
    return {LINES.media_type.decode(): {"schema": lines}, EVENTS.media_type.decode(): {"schema": events}}


def _events() -> Json:
    """What is told of a prediction. The schema of lines is that of one line."""
    standing = {"type": "object", "required": ["prediction"], "properties": {"prediction": _ref(PredictionDocument)}}
    row = {"type": "object", "required": ["id", "index"], "properties": {"index": {"type": "integer"}}}
    events = {"type": "string", "description": "events status, record (a row), done (the end) and error, JSON as data"}
    lines = {"anyOf": [standing, row, _ref(StreamEnd)]}
    return {EVENTS.media_type.decode(): {"schema": events}, LINES.media_type.decode(): {"schema": lines}}


def _headers(one: Operation, status: int) -> Json:
    """Which headers an answer has; `required` where it always has them."""
    found = {"X-Request-ID": _header("this request's id", {"type": "string"}, required=True)}
    if one.body is not None and one.has_model:
        key = {"type": "string", "pattern": r"^[a-z0-9._-]+@[A-Za-z0-9._-]+(, [a-z0-9._-]+@[A-Za-z0-9._-]+)*$"}
        said = "who answered, name@revision; errors name it where a model was chosen; two where one ended on the way"
        found["Jitney-Model"] = _header(said, key, required=status == 200)
    if one.body is not None and one.has_model and status == 200:
        found["Server-Timing"] = _header("where the time went: queue, window, compute, return", {"type": "string"})
    if status in ASKS_TO_COME_BACK:
        seconds = {"type": "integer", "minimum": int(SHORTEST_RETRY), "maximum": int(LONGEST_RETRY)}
        found["Retry-After"] = _header("seconds", seconds, required=True)
    if 304 in one.further and status in (one.ok, 304):
        found["ETag"] = _header("of this document, weak", {"type": "string"}, required=True)
    if status == 202:
        found["Location"] = _header("where to ask", {"type": "string"}, required=True)
    if status in ENDS_THE_CONNECTION:
        found["Connection"] = _header("the connection ends", {"const": "close"}, required=True)
    return found


def _header(said: str, kind: Json, *, required: bool = False) -> Json:
    return {"description": said, "schema": kind, "required": required}


def _titles(one: Operation, status: int) -> str:
    """Every way to this status, by code."""
    return "; ".join(f"{kind.title} ({code})" for code, kind in KINDS.items() if one.status_of(code) == status)


def _ref(kind: Any) -> Json:
    """The schema of a type, which for one of ours is where it stands."""
    if kind is None:
        return {}
    (found,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    return dict(found)
