"""The bodies of LibreTranslate's API. Fields that are not listed are not read, but
for `api_key` where keys are asked for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Text = Annotated[str, Meta(min_length=1)]
Format = Annotated[
    Literal["text", "html"] | None,
    Meta(description="of q; in html tags, entities and what has translate=no come back as they are"),
]


class LibreProblem(Struct, frozen=True, kw_only=True):
    """An error: our problem document, with `error` beside its members, which is what clients show."""

    error: str
    message: str
    error_type: str
    code: str
    status: int
    request_id: str


class LibreRefusal(Struct, frozen=True, kw_only=True):
    """What there is none of here."""

    error: str
    message: str


class LibreTranslateRequest(Struct, frozen=True, kw_only=True):
    """The same fields may come as a form, or behind the question mark."""

    q: Annotated[Text | Annotated[list[str], Meta(min_length=1)], Meta(description="a text or, in JSON, several")]
    source: Annotated[Text, Meta(description="a language's code, as /languages has it, or auto: of each text its own")]
    target: Annotated[Text, Meta(description="a language's code, as /languages has it")]
    format: Format = None
    alternatives: Annotated[
        Annotated[int, Meta(ge=0)] | Annotated[str, Meta(pattern="^[0-9]{0,3}$")] | None,
        Meta(description="how many are wanted besides; there never are any, so the reply has an empty list"),
    ] = None


class Detected(Struct, frozen=True, kw_only=True):
    """Which language a text is in."""

    language: str
    confidence: Annotated[int, Meta(ge=0, le=100)]


class LibreTranslateReply(Struct, frozen=True, kw_only=True, rename="camel"):
    """Of a list each field is a list as long."""

    translated_text: str | list[str]
    detected_language: Annotated[
        Detected | list[Detected] | UnsetType, Meta(description="where source was auto; en and 0: none was found")
    ] = UNSET
    alternatives: Annotated[list[Any] | UnsetType, Meta(description="where any were asked for; empty")] = UNSET


class LibreDetectRequest(Struct, frozen=True, kw_only=True):
    """The same fields may come as a form, or behind the question mark."""

    q: Text
    format: Format = None


class LibreLanguage(Struct, frozen=True, kw_only=True):
    """A language by one of its codes."""

    code: str
    name: Annotated[str, Meta(description="in English")]
    targets: Annotated[list[str], Meta(description="what it is translated into, itself among them")]


class LibreSettings(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a web page needs to know."""

    api_keys: bool
    char_limit: Annotated[int, Meta(description="-1: none of its own")]
    files_translation: bool
    frontend_timeout: Annotated[int, Meta(description="milliseconds that a page waits after the last key")]
    key_required: bool
    language: dict[str, dict[str, str]]
    suggestions: bool
    supported_files_format: list[str]


class LibreHealth(Struct, frozen=True, kw_only=True):
    """Requests are answered here."""

    status: str
