"""Where clients put their key: headers, and what stands behind the question mark. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

SCHEMES = (b"bearer", b"deepl-auth-key", b"token")
BARE = b"jit_"  # without a scheme, as some clients send what they are told to send
NAMED = (b"x-api-key", b"api-key")  # headers; the second is of OpenAI's clients for Azure
IN_QUERY = ("api_key", "auth_key")


def sent_key(headers: Mapping[bytes, bytes], query: bytes) -> str | None:
    """The key as it was sent, whatever it is; None where none is. A header counts before the query."""
    if (sent := headers.get(b"authorization")) is not None:
        scheme, _, value = sent.strip().partition(b" ")
        if scheme.lower() in SCHEMES:
            return _text(value)
        if scheme.startswith(BARE):
            return _text(sent)
    for name in NAMED:
        if (sent := headers.get(name)) is not None:
            return _text(sent)
    if b"_key=" in query:
        return _in_query(query)
    return None


def _in_query(query: bytes) -> str | None:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return next((value.strip() for name, value in pairs if name in IN_QUERY), None)


def _text(value: bytes) -> str:
    return value.strip().decode("latin-1")
