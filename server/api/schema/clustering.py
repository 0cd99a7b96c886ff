"""Clustering: texts in, groups of those that mean alike out."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from server.api.schema.embedding import EmbeddingPayload
from server.api.schema.envelope import Count, Id, RecordError, Warnings

TITLES = [
    "The Art of Dog Walking",
    "Learn The Art of Public Speaking",
    "Dog Walking: 10 Simple Steps",
    "Public Speaking For The Modern Age",
    "The Joy of Dog Walking",
]
EXAMPLE = {"payload": {"records": [{"id": at, "text": title} for at, title in enumerate(TITLES, 1)]}}

Sentences = list[str]
Clusters = Annotated[
    list[list[str]], Meta(description="the largest first; in each the sentence that all others are alike")
]
Similarity = Annotated[float, Meta(description="the cosine of two vectors, in hundredths")]


class ClusteringPayload(EmbeddingPayload, frozen=True, kw_only=True, rename="camel"):
    """Texts to group."""

    threshold: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(description="how similar two texts must be to be alike, in hundredths; else the model's, see /v1/models"),
    ] = None
    min_size: Annotated[Count, Meta(description="smaller clusters are left out")] = 1
    assign: Annotated[bool, Meta(description="true: the reply has a row for each record, not for each cluster")] = False


class ClusteringRequest(Struct, frozen=True):
    payload: ClusteringPayload


class ClusterAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cluster; or, with `assign`, a record with its cluster, or with its error."""

    cluster: Annotated[
        int | None, Meta(description="from 0, the largest first; null for a record whose cluster is left out")
    ] = None
    size: int | None = None
    centre: Annotated[Id | None, Meta(description="the record that all others of its cluster are alike")] = None
    records: Annotated[list[Id] | None, Meta(description="the centre, then those most similar to it")] = None
    cohesion: Annotated[
        Similarity | None, Meta(description="the mean similarity of its pairs; 1 for a record alone")
    ] = None
    id: Id | None = None
    similarity: Annotated[Similarity | None, Meta(description="to the centre of its cluster")] = None
    error: RecordError | None = None


class RecordFailure(Struct, frozen=True):
    id: Id
    error: RecordError


class ClusteringReply(Struct, frozen=True):
    result: list[ClusterAnswer]
    errors: Annotated[
        list[RecordFailure] | msgspec.UnsetType,
        Meta(description="the records that have no vector, and why; with `assign` their rows say so"),
    ] = msgspec.UNSET
    warnings: Warnings = msgspec.UNSET
