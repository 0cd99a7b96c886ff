"""Classification: texts in, labels with their scores out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from server.api.schema.envelope import Count, Id, RecordError, TextPayload, Warnings

TopK = Annotated[Count, Meta(description="how many labels to return, best first")]


class ClassificationPayload(TextPayload, frozen=True, kw_only=True, rename="camel"):
    """Texts to label."""

    top_k: TopK = 1

    def options(self) -> Mapping[str, Any]:
        return {"topK": int(self.top_k)}


class ClassificationRequest(Struct, frozen=True):
    payload: ClassificationPayload


class Scored(Struct, frozen=True):
    label: str
    score: float


class LabelAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record's best label, all asked for when `topK` is above 1, or its error."""

    id: Id
    label: str | None = None
    score: float | None = None
    labels: list[Scored] | None = None
    error: RecordError | None = None


class ClassificationReply(Struct, frozen=True):
    result: list[LabelAnswer]
    warnings: Warnings = msgspec.UNSET
