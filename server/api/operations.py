"""Every address of a front end, as the OpenAPI document tells it: a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from server.api import schema
from server.api.classification import TASK as CLASSIFICATION
from server.api.embedding import TASK as EMBEDDING
from server.api.translation import TASK as TRANSLATION
from server.errors import KINDS

# Any request may be refused so before an endpoint sees it, or crash.
ALWAYS = (400, 408, 431, 500)
INFERENCE_PROBLEMS = tuple(sorted({kind.status for kind in KINDS.values()} - {405}))
TEXT = {"id": "123", "text": "Life is like a box of chocolates."}
JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one address, as the document tells it."""

    method: str
    path: str
    summary: str
    reply: type[Any] | None = None  # None: no type of ours
    media_type: str = JSON
    task: str = ""  # of the models that answer here; empty: of any
    body: type[Any] | None = None
    example: dict[str, Any] = field(default_factory=dict)
    problems: Sequence[int] = ALWAYS
    unwell: str = ""  # what a 503 with the same document as a 200 means


TRANSLATE = Operation(
    method="post",
    path="/translation",
    summary="Translate texts",
    task=TRANSLATION,
    body=schema.TranslationRequest,
    reply=schema.TranslationReply,
    example={"payload": {"fromLang": "en", "toLang": "ja", "records": [TEXT]}},
    problems=INFERENCE_PROBLEMS,
)
CLASSIFY = Operation(
    method="post",
    path="/classification",
    summary="Label texts",
    task=CLASSIFICATION,
    body=schema.ClassificationRequest,
    reply=schema.ClassificationReply,
    example={"payload": {"topK": 2, "records": [TEXT]}},
    problems=INFERENCE_PROBLEMS,
)
EMBED = Operation(
    method="post",
    path="/embedding",
    summary="Turn texts into vectors",
    task=EMBEDDING,
    body=schema.EmbeddingRequest,
    reply=schema.EmbeddingReply,
    example={"payload": {"records": [TEXT]}},
    problems=INFERENCE_PROBLEMS,
)
CALL = Operation(
    method="post",
    path="/models/{name}",
    summary="Call any model by its name; the payload is that of its task",
    body=schema.AnyRequest,
    reply=schema.AnyReply,
    example={"payload": {"records": [TEXT]}},
    problems=INFERENCE_PROBLEMS,
)
OF_TASK: Mapping[str, Operation] = {one.task: one for one in (TRANSLATE, CLASSIFY, EMBED)}

OPERATIONS: Sequence[Operation] = (
    TRANSLATE,
    CLASSIFY,
    EMBED,
    CALL,
    Operation(
        method="get",
        path="/v1/models",
        summary="The models, live and gone",
        reply=schema.ModelList,
        problems=(*ALWAYS, 503),
    ),
    Operation(method="get", path="/livez", summary="Is this process alive", reply=schema.Health, unwell="It is not"),
    Operation(
        method="get",
        path="/readyz",
        summary="Can this process answer, and what is missing",
        reply=schema.Health,
        unwell="It cannot: it drains, or has never met the broker",
    ),
    Operation(method="get", path="/docs", summary="This document for people, to try it out", media_type="text/html"),
    Operation(method="get", path="/openapi.json", summary="This document"),
)
