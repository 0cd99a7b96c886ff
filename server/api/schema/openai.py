"""The bodies of OpenAI's API."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class OpenAIError(Struct, frozen=True, kw_only=True):
    """Why a request was refused."""

    message: str
    type: Annotated[str, Meta(description="invalid_request_error, rate_limit_error or server_error")]
    param: Annotated[str | None, Meta(description="the field that is meant, where it is a single one")]
    code: Annotated[str, Meta(description="stable: that of our problems, and model_not_found for unknown_model")]


class OpenAIProblem(Struct, frozen=True, kw_only=True):
    """An error."""

    error: OpenAIError
