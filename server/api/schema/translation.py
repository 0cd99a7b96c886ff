"""Translation: texts and two languages in, texts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from server.api.schema.envelope import Id, RecordError, TextPayload, Warnings
from server.codecs.translation.protected.glossary import LONGEST, MOST_TERMS

Term = Annotated[str, Meta(min_length=1, max_length=LONGEST)]
Glossary = Annotated[dict[Term, Term], Meta(max_length=MOST_TERMS)] | Annotated[list[Term], Meta(max_length=MOST_TERMS)]
Language = Annotated[str, Meta(description="language code, such as en, ja, zh-Hant, or zho_Hant", examples=["en"])]
Source = Annotated[
    str, Meta(description="as toLang, or auto: each record's language is found out", examples=["en", "auto"])
]


class TranslationPayload(TextPayload, frozen=True, kw_only=True, rename="camel"):
    """Texts and the languages to read and to write them in."""

    from_lang: Source
    to_lang: Language
    glossary: Annotated[
        Glossary | None,
        Meta(description="words and what each becomes, or words to keep; in any record", examples=[{"cart": "panier"}]),
    ] = None
    format: Annotated[
        Literal["text", "html"] | None, Meta(description="of the texts: what is translated of HTML is its words")
    ] = None

    def options(self) -> Mapping[str, Any]:
        options: dict[str, Any] = {"fromLang": self.from_lang, "toLang": self.to_lang}
        if self.glossary:
            options["glossary"] = self.glossary
        if self.format is not None:
            options["format"] = self.format
        return options

    def beside(self) -> int:
        return sum(map(len, self.glossary)) if self.glossary else 0


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
    detected_lang: Annotated[
        str | None, Meta(description="with fromLang auto: the language of the text; absent where none was found")
    ] = msgspec.field(default=None, name="detectedLang")
    detected_score: Annotated[
        float | None, Meta(description="0–1: how well the text fits that language; no probability")
    ] = msgspec.field(default=None, name="detectedScore")
    error: RecordError | None = None


class TranslationReply(Struct, frozen=True):
    result: list[TextAnswer]
    warnings: Warnings = msgspec.UNSET
