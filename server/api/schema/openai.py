"""The bodies of OpenAI's API."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from server.api.schema.envelope import Count, Model


class OpenAIError(Struct, frozen=True, kw_only=True):
    """Why a request was refused."""

    message: str
    type: Annotated[str, Meta(description="invalid_request_error, rate_limit_error or server_error")]
    param: Annotated[str | None, Meta(description="the field that is meant, where it is a single one")]
    code: Annotated[str, Meta(description="stable: that of our problems, and model_not_found for unknown_model")]


class OpenAIProblem(Struct, frozen=True, kw_only=True):
    """An error."""

    error: OpenAIError


class OpenAIEmbeddingRequest(Struct, frozen=True, kw_only=True):
    """Texts to turn into vectors. Further fields, such as `user`, are not read."""

    input: Annotated[
        str | Annotated[list[str], Meta(min_length=1)],
        Meta(description="a text or several; token ids are refused, for each model has its own vocabulary"),
    ]
    model: Model = None
    encoding_format: Annotated[
        Literal["float", "base64"] | None,
        Meta(
            description="base64: the numbers as float32, little-endian, a quarter as long and what the clients ask for"
        ),
    ] = None
    dimensions: Annotated[
        Count | None,
        Meta(description="the first so many numbers of each vector, of a model that was trained for it (matryoshka)"),
    ] = None
    prompt_name: Annotated[
        str | None, Meta(description="which of the model's prompts stands before each text; not a field of OpenAI's")
    ] = field(default=None, name="promptName")


class OpenAIVector(Struct, frozen=True, kw_only=True):
    object: Literal["embedding"]
    index: Annotated[int, Meta(description="the text's place in the request, from 0")]
    embedding: list[float] | str


class OpenAIUsage(Struct, frozen=True, kw_only=True):
    prompt_tokens: Annotated[int, Meta(description="of all texts, by the model's own tokenizer")]
    total_tokens: int


class OpenAIEmbeddingReply(Struct, frozen=True, kw_only=True):
    object: Literal["list"]
    data: list[OpenAIVector]
    model: Annotated[str, Meta(description="as the request named it")]
    usage: OpenAIUsage


class OpenAIModel(Struct, frozen=True, kw_only=True):
    """A live model as OpenAI's clients read it."""

    id: str
    object: Literal["model"] = "model"
    created: Annotated[int, Meta(description="when it was announced first, seconds of Unix time")] = 0
    owned_by: str = "jitney"
