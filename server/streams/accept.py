"""Which form of a reply a client asks for by `Accept` (RFC 9110, 12.5.1). Pure; nearly every request is told by one
look that it gets JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping

from server.streams.forms import FORMS, Form

NAMES_A_STREAM = re.compile(rb"event-stream|x-ndjson", re.IGNORECASE)
QUALITY = re.compile(rb"0(\.\d{0,3})?|1(\.0{0,3})?")
JSON, ANY_OF_ITS_KIND, ANY = b"application/json", b"application/*", b"*/*"


def form_of(headers: Mapping[bytes, bytes], http_version: str = "1.1") -> Form | None:
    """None: one reply, as JSON. So too for HTTP/1.0, which has no way to send what is not yet known in length."""
    accept = headers.get(b"accept")
    if accept is None or accept == ANY or not NAMES_A_STREAM.search(accept) or http_version == "1.0":
        return None
    return _chosen(_qualities(accept))


def _chosen(qualities: Mapping[bytes, float]) -> Form | None:
    """The stream that is named with the highest quality, unless JSON is wanted more, or is named and wanted as much."""
    named = [form for form in FORMS if form.media_type in qualities]
    best = max(named, key=lambda form: qualities[form.media_type], default=None)
    if best is None or not qualities[best.media_type]:
        return None
    quality = qualities[best.media_type]
    if JSON in qualities:
        return best if quality > qualities[JSON] else None
    return best if quality >= qualities.get(ANY_OF_ITS_KIND, qualities.get(ANY, 0.0)) else None


def _qualities(accept: bytes) -> dict[bytes, float]:
    """Each media range with its quality; a quality that cannot be read is none."""
    found: dict[bytes, float] = {}
    for part in accept.lower().split(b","):
        media_range, *parameters = [piece.strip() for piece in part.split(b";")]
        told = [value.strip() for name, _, value in (one.partition(b"=") for one in parameters) if name.strip() == b"q"]
        is_read = not told or QUALITY.fullmatch(told[0])
        found[media_range] = (float(told[0]) if told else 1.0) if is_read else 0.0
    return found
