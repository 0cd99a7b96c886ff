"""The bodies of Jina's and Cohere's /rerank. Fields that are not named are not read."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from server.api.schema.envelope import Count, Model
from server.dialects.tei.schema import Query


class RankedDocument(Struct, frozen=True, kw_only=True):
    """A document. Only its text is read."""

    text: str


class RankingRequest(Struct, frozen=True, kw_only=True):
    """A query, and the documents among which its best answers are."""

    query: Query
    documents: Annotated[list[str | RankedDocument], Meta(min_length=1)]
    top_n: Annotated[Count | None, Meta(description="how many to return, best first; else all")] = None
    return_documents: Annotated[bool | None, Meta(description="whether each comes back beside its score")] = None
    model: Model = None


class Ranking(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document's place in the request, and how well it answers the query."""

    index: int
    relevance_score: float
    document: RankedDocument | None = None


class RankingUsage(Struct, frozen=True, kw_only=True):
    total_tokens: Annotated[int, Meta(description="of the query, once for each document, and of all of these")]


class RankingTokens(Struct, frozen=True, kw_only=True):
    input_tokens: int
    output_tokens: int


class RankingMeta(Struct, frozen=True, kw_only=True):
    tokens: RankingTokens


class RankingReply(Struct, frozen=True, kw_only=True):
    """Best first."""

    id: Annotated[str, Meta(description="of the request")]
    model: str
    results: list[Ranking]
    usage: Annotated[RankingUsage, Meta(description="where Jina has it")]
    meta: Annotated[RankingMeta, Meta(description="where Cohere has it")]
