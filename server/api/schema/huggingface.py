"""The bodies of the Hugging Face dialect."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from server.api.schema.envelope import Count, Model


class HuggingFaceParameters(Struct, frozen=True, kw_only=True):
    """How to classify a picture."""

    top_k: Annotated[Count | None, Meta(description="how many labels to return, best first; 5 unless it says")] = None
    function_to_apply: Annotated[
        str | None, Meta(description="null only: scores are those of the model's own configuration")
    ] = None


class HuggingFaceRequest(Struct, frozen=True, kw_only=True):
    """One picture and how to classify it."""

    inputs: Annotated[
        str, Meta(description="a picture's file, in base64", extra_json_schema={"contentEncoding": "base64"})
    ]
    parameters: HuggingFaceParameters | None = None


class Address(Struct, frozen=True, kw_only=True):
    """What stands behind the question mark of the address."""

    model: Model = None


class HuggingFaceProblem(Struct, frozen=True, kw_only=True):
    """An error."""

    error: str
    code: str
    request_id: str
