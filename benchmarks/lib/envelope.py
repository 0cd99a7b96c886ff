"""The body of a request: `{"payload": {"records": [{"id", "text"}, …]}}`, with languages for a translation."""

from __future__ import annotations

import json
from collections.abc import Sequence

TEXT = "Life is like a box of chocolates."


def envelope(texts: Sequence[str], languages: tuple[str, str] | None = None) -> bytes:
    """One record a text, called by its place. `languages`: from, to."""
    payload = dict(zip(("fromLang", "toLang"), languages, strict=True)) if languages else {}
    records = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    return json.dumps({"payload": {**payload, "records": records}}, ensure_ascii=False).encode()
