"""How DeepL spells languages: in capitals, and as targets with regions where readers care."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from server.dialects.libretranslate.languages import Spoken

USUAL = {"no": "NB"}  # Norwegian goes by the name of its usual form
# DeepL's clients refuse EN and PT as targets themselves.
BY_REGION: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {"EN-GB": "English (British)", "EN-US": "English (American)"},
        "pt": {"PT-BR": "Portuguese (Brazilian)", "PT-PT": "Portuguese (European)"},
        "zh": {"ZH": "Chinese", "ZH-HANS": "Chinese (simplified)"},
    }
)


def code_of(own: str, languages: Spoken) -> str:
    """The model's own code as DeepL tells what a text was in."""
    code = languages.codes.get(own, own)
    return USUAL.get(code, code.upper())


def sources(languages: Spoken) -> dict[str, str]:
    """Each language's code and name."""
    found = {code_of(own, languages): languages.names[code] for own, code in languages.codes.items()}
    return dict(sorted(found.items()))


def targets(languages: Spoken) -> dict[str, str]:
    """The same, as something may be translated into it."""
    found: dict[str, str] = {}
    for own, code in languages.codes.items():
        found |= BY_REGION.get(code, {code_of(own, languages): languages.names[code]})
    return dict(sorted(found.items()))
