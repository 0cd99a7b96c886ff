"""What a front end says of itself and its models, and how it tells a problem."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from server.api.schema.openai import OpenAIModel


class RevisionEntry(Struct, frozen=True, kw_only=True):
    """One of a model's revisions that has batchers."""

    revision: str
    status: Annotated[str, Meta(description="live or loading")]
    batchers: int


class ModelEntry(Struct, frozen=True, kw_only=True):
    """One model as `/v1/models` shows it."""

    name: str
    task: str
    revision: str
    status: Annotated[str, Meta(description="live, loading (its tokenizer is on the way) or gone (no live batcher)")]
    default: Annotated[bool, Meta(description="it answers for its task when a request names no model")]
    batchers: Annotated[int, Meta(description="of all its revisions")]
    revisions: Annotated[
        list[RevisionEntry],
        Meta(description="those with batchers, newest first; each gets requests by the room of its batchers"),
    ]
    max_tokens: int
    languages: list[str]
    labels: list[str]
    description: str
    threshold: Annotated[
        float | msgspec.UnsetType,
        Meta(description="of an embedding model: from which similarity on clusters have texts alike, unless told"),
    ] = msgspec.UNSET


class ModelList(Struct, frozen=True, kw_only=True):
    """The same models twice: as we describe them, and as OpenAI's clients read them."""

    models: list[ModelEntry]
    data: Annotated[list[OpenAIModel], Meta(description="the live ones")]
    object: Literal["list"] = "list"


class Check(Struct, frozen=True):
    name: str
    ok: bool
    detail: str


class Health(Struct, frozen=True):
    status: Annotated[str, Meta(description="ok, degraded or draining; /livez says ok or failed")]
    checks: list[Check]


class ProblemDocument(Struct, frozen=True, kw_only=True):
    """An error, by RFC 9457; `code` is stable."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    limit: Annotated[int | msgspec.UnsetType, Meta(description="with too_large: how much there may be")] = msgspec.UNSET
    threshold: Annotated[
        float | msgspec.UnsetType, Meta(description="with a threshold for clusters that is too low: one that would do")
    ] = msgspec.UNSET
    prompts: Annotated[
        list[str] | msgspec.UnsetType, Meta(description="with an unknown promptName: those that the model has")
    ] = msgspec.UNSET
    languages: Annotated[
        list[str] | msgspec.UnsetType, Meta(description="with unknown_language: those that the model knows")
    ] = msgspec.UNSET
