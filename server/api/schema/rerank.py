"""Reranking: a query and texts in, the texts' scores out, best first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from server.api.schema.envelope import Count, Id, RecordError, TextPayload, Warnings
from server.codecs.pairs.limits import LONGEST_QUERY


class RerankPayload(TextPayload, frozen=True, kw_only=True, rename="camel"):
    """A query, and the texts among which its best answers are."""

    query: Annotated[
        str,
        Meta(
            description="what the texts are compared with",
            examples=["When does the bus leave?"],
            extra_json_schema={"minLength": 1, "maxLength": LONGEST_QUERY},
        ),
    ]
    top_k: Annotated[Count | None, Meta(description="how many records to return, best first; else all")] = None

    def options(self) -> Mapping[str, Any]:
        return {"query": self.query} if self.top_k is None else {"query": self.query, "topK": int(self.top_k)}

    def beside(self) -> int:
        return len(self.query)


class RerankRequest(Struct, frozen=True):
    payload: RerankPayload


class RankAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record's score, or its error, which stands after all scores."""

    id: Id
    index: Annotated[int, Meta(description="the record's place in the request, from 0")]
    score: Annotated[
        float | None, Meta(description="the higher the better; within 0 and 1 unless the checkpoint says otherwise")
    ] = None
    truncated: Annotated[bool | None, Meta(description="true where not all of query and text was read")] = None
    error: RecordError | None = None


class RerankReply(Struct, frozen=True):
    result: list[RankAnswer]
    warnings: Warnings = msgspec.UNSET
