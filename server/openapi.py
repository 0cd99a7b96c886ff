"""The OpenAPI document, made from the table of addresses here and the bodies in `schema.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from broker.messages import Lane
from server import schema
from server.errors import KINDS

REF = "#/components/schemas/{name}"
PROBLEM = {"application/problem+json": {"schema": {"$ref": REF.format(name="ProblemDocument")}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one address, as the document tells it."""

    method: str
    path: str
    summary: str
    reply: type[Any]
    body: type[Any] | None = None
    example: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[int] = ()
    unwell: str = ""  # what a 503 with the same document as a 200 means


INFERENCE_PROBLEMS = tuple(sorted({kind.status for kind in KINDS.values()} - {405}))
TEXT = {"id": "123", "text": "Life is like a box of chocolates."}

OPERATIONS: Sequence[Operation] = (
    Operation(
        method="post",
        path="/translation",
        summary="Translate texts",
        body=schema.TranslationRequest,
        reply=schema.TranslationReply,
        example={"payload": {"fromLang": "en", "toLang": "ja", "records": [TEXT]}},
        problems=INFERENCE_PROBLEMS,
    ),
    Operation(
        method="post",
        path="/classification",
        summary="Label texts",
        body=schema.ClassificationRequest,
        reply=schema.ClassificationReply,
        example={"payload": {"topK": 2, "records": [TEXT]}},
        problems=INFERENCE_PROBLEMS,
    ),
    Operation(
        method="post",
        path="/embedding",
        summary="Turn texts into vectors",
        body=schema.EmbeddingRequest,
        reply=schema.EmbeddingReply,
        example={"payload": {"records": [TEXT]}},
        problems=INFERENCE_PROBLEMS,
    ),
    Operation(
        method="post",
        path="/models/{name}",
        summary="Call any model by its name; the payload is that of its task",
        body=schema.AnyRequest,
        reply=schema.AnyReply,
        example={"payload": {"records": [TEXT]}},
        problems=INFERENCE_PROBLEMS,
    ),
    Operation(
        method="get", path="/v1/models", summary="The models, live and gone", reply=schema.ModelList, problems=(503,)
    ),
    Operation(method="get", path="/livez", summary="Is this process alive", reply=schema.Health, unwell="It is not"),
    Operation(
        method="get",
        path="/readyz",
        summary="Can this process answer, and what is missing",
        reply=schema.Health,
        unwell="It cannot: it drains, or has never met the broker",
    ),
)
CLIENT_HEADERS = (
    ("X-Request-Timeout", "seconds this request may take", {"type": "number", "exclusiveMinimum": 0}),
    (
        "Jitney-Lane",
        "bulk: fills the room that interactive requests leave in the batches, and an eighth of them at least",
        {"type": "string", "enum": [lane.value for lane in Lane], "default": Lane.INTERACTIVE.value},
    ),
    ("X-Request-ID", "an id of your own; it is echoed and logged", {"type": "string", "maxLength": 128}),
    ("traceparent", "W3C Trace Context: its trace id is logged beside the request's", {"type": "string"}),
)


def document(version: str) -> dict[str, Any]:
    """OpenAPI 3.1."""
    types = [kind for one in OPERATIONS for kind in (one.body, one.reply) if kind is not None]
    _, schemas = msgspec.json.schema_components([*types, schema.ProblemDocument], ref_template=REF)
    paths: dict[str, Any] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Jitney", "version": version, "description": "Requests leave for the GPU in batches."},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(one: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {"summary": one.summary, "parameters": _parameters(one), "responses": _responses(one)}
    if one.body is not None:
        content = {"schema": _ref(one.body), "example": one.example}
        found["requestBody"] = {"required": True, "content": {"application/json": content}}
    return found


def _parameters(one: Operation) -> list[dict[str, Any]]:
    found = []
    if "{name}" in one.path:
        found.append({"name": "name", "in": "path", "required": True, "schema": {"type": "string"}})
    if one.body is not None:
        found += [{"name": n, "in": "header", "description": d, "schema": s} for n, d, s in CLIENT_HEADERS]
    return found


def _responses(one: Operation) -> dict[str, Any]:
    ok = {"description": "The answer", "content": {"application/json": {"schema": _ref(one.reply)}}}
    unwell = {"503": {**ok, "description": one.unwell}} if one.unwell else {}
    problems = {str(status): {"description": _titles(status), "content": PROBLEM} for status in one.problems}
    return {"200": ok, **unwell, **problems}


def _titles(status: int) -> str:
    """Every way to this status, by code."""
    return "; ".join(f"{kind.title} ({code})" for code, kind in KINDS.items() if kind.status == status)


def _ref(kind: type[Any]) -> dict[str, str]:
    return {"$ref": REF.format(name=kind.__name__)}
