"""What `/openapi.json` says that a request brings beside its body: headers, and what its address says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from broker.messages import Lane
from broker.settings import NAME
from server.api.described.schemas import Json
from server.api.operation import Operation
from server.http.body import SHORTEST_LIMIT
from server.settings import ServerSettings

LARGEST_EVENT = 999_999_999  # an id has nine digits at most
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


def parameters(one: Operation, settings: ServerSettings) -> list[Json]:
    """Of one operation."""
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
