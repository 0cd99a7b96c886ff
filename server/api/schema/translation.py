"""Translation: texts and two languages in, texts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from server.api.schema.envelope import Id, RecordError, TextPayload, Warnings

Language = Annotated[str, Meta(description="language code, such as en, ja, zh-Hant, or zho_Hant", examples=["en"])]


class TranslationPayload(TextPayload, frozen=True, kw_only=True, rename="camel"):
    """Texts and the languages to read and to write them in."""

    from_lang: Language
    to_lang: Language

    def options(self) -> Mapping[str, Any]:
        return {"fromLang": self.from_lang, "toLang": self.to_lang}


class TranslationRequest(Struct, frozen=True):
    payload: TranslationPayload


class TextAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record's answer in words, or its error."""

    id: Id
    text: str | None = None
    degenerate: Annotated[
        bool | None, Meta(description="true where a text came out empty or repeating itself, at a second try too")
    ] = None
    truncated: Annotated[
        bool | None, Meta(description="true where an answer came to the model's limit before its end")
    ] = None
    unread: Annotated[
        int | None, Meta(description="how many characters the model has no token for; around a sentence they stay")
    ] = None
    error: RecordError | None = None


class TranslationReply(Struct, frozen=True):
    result: list[TextAnswer]
    warnings: Warnings = msgspec.UNSET
