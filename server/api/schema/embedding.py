"""Embedding: texts in, vectors out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from server.api.schema.envelope import Id, RecordError, TextPayload, Warnings


class EmbeddingPayload(TextPayload, frozen=True, kw_only=True, rename="camel"):
    """Texts to turn into vectors."""

    prompt_name: Annotated[
        str | None,
        Meta(
            description="which of the model's prompts stands before each text, such as query or document; "
            'else its default one, "" for none',
            examples=["query"],
        ),
    ] = None

    def options(self) -> Mapping[str, Any]:
        return {} if self.prompt_name is None else {"promptName": self.prompt_name}


class EmbeddingRequest(Struct, frozen=True):
    payload: EmbeddingPayload


class VectorAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record's vector, or its error."""

    id: Id
    embedding: list[float] | None = None
    error: RecordError | None = None


class EmbeddingReply(Struct, frozen=True):
    result: list[VectorAnswer]
    warnings: Warnings = msgspec.UNSET
