"""The bodies of DeepL's API. Fields that are not listed, such as `formality` and `context`, are not read."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class DeepLProblem(Struct, frozen=True, kw_only=True):
    """An error: our problem document, with `message` beside its members."""

    message: str
    detail: str
    error: str
    error_type: str
    code: str
    status: int
    request_id: str


class DeepLTranslateRequest(Struct, frozen=True, kw_only=True):
    """The same fields may come as a form, with `text` as often as there are texts."""

    text: str | Annotated[list[str], Meta(min_length=1)]
    target_lang: Annotated[str, Meta(min_length=1, description="a language's code, as /v2/languages has it")]
    source_lang: Annotated[str | None, Meta(description="a language's code; else of each text its own")] = None
    tag_handling: Annotated[
        Literal["html", "xml"] | None, Meta(description="tags, attributes and entities come back as they are")
    ] = None
    ignore_tags: Annotated[
        list[str] | str | None,
        Meta(description="names of tags, in a form divided by commas, whose elements come back whole as they are"),
    ] = None


class DeepLTranslation(Struct, frozen=True, kw_only=True):
    """One text's."""

    detected_source_language: Annotated[
        str, Meta(description="or the one that was named; EN of a text without letters")
    ]
    text: str
    billed_characters: Annotated[int, Meta(description="of the text that was sent; nothing is billed")]


class DeepLTranslateReply(Struct, frozen=True, kw_only=True):
    translations: list[DeepLTranslation]


class DeepLLanguage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A language by its code."""

    language: str
    name: Annotated[str, Meta(description="in English")]
    supports_formality: Annotated[bool, Meta(description="of a target; never")] = False


class DeepLKind(Struct, frozen=True, kw_only=True):
    """What stands behind the question mark of the address."""

    type: Annotated[Literal["source", "target"], Meta(description="which languages: those to read or to write")] = (
        "source"
    )


class DeepLUsage(Struct, frozen=True, kw_only=True):
    """Nothing is counted."""

    character_count: int
    character_limit: int
