"""Why a record, or a whole request, is not encoded."""

from __future__ import annotations

from typing import Any


class CodecError(ValueError):
    """This record cannot be encoded; `message` may be shown to the client.

    `code` is one of the stable problem codes: invalid_input, unknown_language, too_large.
    """

    def __init__(self, message: str, *, code: str = "invalid_input", **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.extra = extra  # goes into the problem document, e.g. languages=[...]


class RequestTooLarge(CodecError):
    """The whole request would make more than may wait at once: no record of it is computed."""

    def __init__(self, made: str, limit: int) -> None:
        super().__init__(f"This request makes more than {limit} {made}; no more may wait at once.", code="too_large")


class Abandoned(Exception):
    """The deadline has passed, or the client has gone: further work would be wasted."""
