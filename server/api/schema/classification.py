"""Classification: texts in, labels with their scores out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from server.api.schema.envelope import Count, Id, RecordError, TextPayload, Warnings
from server.codecs.pairs.limits import LONGEST_TEMPLATE, MOST_LABELS

TopK = Annotated[Count, Meta(description="how many labels to return, best first")]
A_LABEL = 32  # characters: a label is a job, which takes about as long to make as so many take to read


class ClassificationPayload(TextPayload, frozen=True, kw_only=True, rename="camel"):
    """Texts to label: by a classifier with labels of its own, or by a zero-shot model with those that are named."""

    top_k: TopK = 1
    labels: Annotated[
        list[str] | None,
        Meta(
            description="what to choose from, by the zero-shot model; without them a classifier's own labels are it",
            examples=[["travel", "cooking"]],
            extra_json_schema={"minItems": 1, "maxItems": MOST_LABELS, "uniqueItems": True},
        ),
    ] = None
    template: Annotated[
        str | None,
        Meta(
            description="what a label says of a text, with {} in its place; This example is {}. unless it is named",
            examples=["This text is about {}."],
            extra_json_schema={"maxLength": LONGEST_TEMPLATE},
        ),
    ] = None
    multi_label: Annotated[
        bool | None, Meta(description="whether several labels may fit one text, so that each has a score by itself")
    ] = None

    def options(self) -> Mapping[str, Any]:
        options: dict[str, Any] = {"topK": int(self.top_k)}
        for name, value in (("labels", self.labels), ("template", self.template), ("multiLabel", self.multi_label)):
            if value is not None:
                options[name] = value
        return options

    def beside(self) -> int:
        said = len(self.template or "") + A_LABEL
        return sum(len(label) + said for label in self.labels or ())


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
    truncated: Annotated[
        bool | None, Meta(description="by a zero-shot model: true where not all of the text was read")
    ] = None
    error: RecordError | None = None


class ClassificationReply(Struct, frozen=True):
    result: list[LabelAnswer]
    warnings: Warnings = msgspec.UNSET
