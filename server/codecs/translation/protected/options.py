"""What a request says of protected parts: `glossary`, and where its texts are HTML `format` and `ignoredTags`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.codecs.errors import CodecError
from server.codecs.translation.protected.glossary import check_glossary, terms_of
from server.codecs.translation.protected.markup import read_markup
from server.codecs.translation.protected.patterns import has_hint
from server.codecs.translation.protected.stand_ins import Kept, take_out
from server.codecs.work import UNBOUNDED, Work

FORMATS = ("text", "html")


def check_protection(options: Mapping[str, Any]) -> None:
    """Raises `CodecError` for a glossary or a format that is none."""
    check_glossary(options.get("glossary"))
    if options.get("format") not in (None, *FORMATS):
        raise CodecError(f"format must be one of {', '.join(FORMATS)}")


def keep(text: str, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Kept | None:
    """The text with stand-ins for what comes back as it is; None where nothing does. Raises `Abandoned` when nobody
    waits any more."""
    glossary = options.get("glossary")
    if options.get("format") == "html":
        return read_markup(text, terms_of(glossary), work, options.get("ignoredTags", ()))
    if not glossary and not has_hint(text):
        return None
    terms = terms_of(glossary)
    taken, parts = take_out(text, terms, work)
    return None if taken == text else Kept(taken, parts)
