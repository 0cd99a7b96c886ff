"""How LibreTranslate tells which language a text is in."""

from __future__ import annotations

from typing import Any

from server.dialects.libretranslate.languages import Spoken
from server.errors import Problem
from server.languages.identify import REMEDY, is_installed

UNKNOWN: dict[str, Any] = {"confidence": 0, "language": "en"}  # of a text without letters
NOT_INSTALLED = f"auto is not supported here: this server tells no languages apart ({REMEDY})"


def require_detection() -> None:
    """Raises `Problem` (unknown_language) where the extra is missing."""
    if not is_installed():
        raise Problem("unknown_language", NOT_INSTALLED)


def told(own: str, score: float, languages: Spoken) -> dict[str, Any]:
    """The model's own code and a score from 0 to 1, as clients read them."""
    return {"confidence": round(100 * score), "language": languages.codes.get(own, own)}
