"""A request that is answered later, as its client sees it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Wait(Struct, frozen=True, kw_only=True):
    """What may stand behind the '?' of its addresses."""

    wait: Annotated[
        float,
        Meta(ge=0.0, description="seconds until an answer, if it has not ended before; more than 30 count as that"),
    ] = 0.0


class Links(Struct, frozen=True, kw_only=True):
    """Where it is found."""

    self: str
    result: str
    events: str


class PredictionDocument(Struct, frozen=True, kw_only=True, rename="camel"):
    """How far a prediction is. Times are UTC, RFC 3339."""

    id: str
    status: Annotated[str, Meta(description="queued, running, succeeded, failed, canceled or expired")]
    model: str
    task: str
    lane: str
    records: int
    done: Annotated[int, Meta(description="records with an answer; of a large one as they end, else at its end")]
    failed: Annotated[int, Meta(description="records with an error; it is failed only when all of them are")]
    created_at: str
    started_at: str | None
    finished_at: str | None
    deadline_at: Annotated[str, Meta(description="without an answer by then it is expired")]
    expires_at: Annotated[str, Meta(description="then it is forgotten")]
    links: Links


class PredictionEvent(Struct, frozen=True, kw_only=True):
    """The body of a webhook. It has no result: the document's links say where that is."""

    type: Annotated[str, Meta(description="prediction.succeeded, .failed, .canceled or .expired")]
    timestamp: Annotated[str, Meta(description="when it ended")]
    data: PredictionDocument


class Ended(Struct, frozen=True, kw_only=True):
    """Which batch has."""

    id: str


class BatchEvent(Struct, frozen=True, kw_only=True):
    """The body of a webhook that tells of a batch's end, as OpenAI sends it."""

    id: Annotated[str, Meta(description="that of the webhook")]
    object: Literal["event"] = "event"
    created_at: Annotated[int, Meta(description="when it ended, in seconds since 1970")]
    type: Annotated[str, Meta(description="batch.completed, .failed, .expired or .cancelled")]
    data: Ended
