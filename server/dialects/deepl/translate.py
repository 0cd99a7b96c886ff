"""POST /v2/translate: texts in one language, or each in its own, to another. Answered whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from broker.common.tasks import TRANSLATION
from broker.messages import FailureCode
from server.api.incoming import Incoming
from server.dialects.contract import Call, Row
from server.dialects.deepl.flavour import refuse
from server.dialects.deepl.languages import code_of
from server.dialects.libretranslate.asked import AUTO, NOTHING, Fields
from server.dialects.libretranslate.languages import Spoken, spoken
from server.dialects.whole import Whole, translation_of
from server.errors import Problem, Refusal
from server.http.bodies import JSON_OR_FORM, Bodies
from server.json import to_json
from server.languages.identify import REMEDY, is_installed

UNKNOWN = "EN"  # what a text without letters is told to be in
TAGS = ("html", "xml")
GLOSSARIES = ("glossary_id", "glossary_ids")
NO_DETECTION = f"source_lang is needed: this server tells no languages apart ({REMEDY})"


class Asked(Struct, frozen=True, kw_only=True):
    """Texts to translate, and how."""

    texts: Sequence[str]
    source: str | None  # None: of each text its own
    target: str
    has_tags: bool
    ignored: Sequence[str]  # names of tags whose elements come back as they are


class Translate(Whole):
    """JSON, or a form that says `text` several times."""

    def takes(self, incoming: Incoming) -> Bodies:
        return JSON_OR_FORM

    def read(self, incoming: Incoming) -> Call:
        wanted = asked(incoming.fields(["text"]))
        served = incoming.model_of(TRANSLATION.name)
        languages = spoken(served.card)
        source = AUTO if wanted.source is None else languages.own(wanted.source)
        kind = "html" if wanted.has_tags else "text"
        options: dict[str, Any] = {"fromLang": source, "toLang": languages.own(wanted.target), "format": kind}
        if wanted.has_tags and wanted.ignored:
            options["ignoredTags"] = wanted.ignored
        return Call(self, served, wanted.texts, options, memo=source)

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        languages = spoken(call.served.card)
        rows = zip(call.inputs, self.rows(call, answers), strict=True)
        told = [_told(str(text), row, call.memo, languages) for text, row in rows]
        return to_json({"translations": told})

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        return refuse(problem, request_id)


def asked(fields: Fields) -> Asked:
    """Raises `Problem` (malformed, invalid_input)."""
    if any(fields.get(name) for name in GLOSSARIES):
        raise Problem(FailureCode.INVALID_INPUT, "There are no glossaries here: leave glossary_id out.")
    target, source = _word(fields, "target_lang"), _word(fields, "source_lang")
    if target is None:
        raise Problem("malformed", "target_lang is missing")
    if source is None and not is_installed():
        raise Problem("unknown_language", NO_DETECTION)
    texts, ignored = _texts(fields.get("text")), _ignored(fields.get("ignore_tags"))
    return Asked(texts=texts, source=source, target=target, has_tags=_has_tags(fields), ignored=ignored)


def _texts(said: Any) -> Sequence[str]:
    texts = [said] if isinstance(said, str) else said
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise Problem("malformed", "text must be a list of one text or more")
    return texts


def _word(fields: Fields, name: str) -> str | None:
    said = fields.get(name)
    if said in NOTHING:
        return None
    if not isinstance(said, str):
        raise Problem("malformed", f"{name} must be a string")
    return said


def _has_tags(fields: Fields) -> bool:
    said = fields.get("tag_handling")
    if said in NOTHING:
        return False
    if said not in TAGS:
        raise Problem(FailureCode.INVALID_INPUT, f"tag_handling must be {' or '.join(TAGS)}")
    return True


def _ignored(said: Any) -> Sequence[str]:
    """A list in JSON, in a form divided by commas."""
    names = said.split(",") if isinstance(said, str) else [] if said is None else said
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Problem("malformed", "ignore_tags must be a list of names")
    return [name.strip().lower() for name in names]


def _told(text: str, row: Row, source: str, languages: Spoken) -> dict[str, Any]:
    own = row.get("detectedLang") if source == AUTO else source
    detected = UNKNOWN if own is None else code_of(own, languages)
    return {"detected_source_language": detected, "text": translation_of(row), "billed_characters": len(text)}
