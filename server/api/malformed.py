"""Why a body cannot be read, in words that help its sender. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # of UTF-8, and of UTF-16 either way round
LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"  # a high one without its low one
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"  # a low one without its high one
    rb"|\xed[\xa0-\xbf]"  # either, as bytes that pass for UTF-8
)

NONE_OF_FEW = re.compile(r"Invalid enum value .* - at (`\$.*?(\w+)`)", re.DOTALL)


def wrong(expected: Any, error: msgspec.ValidationError) -> str:
    """What is not as this type says. Of a field that takes a few values only these are told, not the one it has."""
    found = NONE_OF_FEW.fullmatch(str(error))
    return f"{found[1]} must be {' or '.join(_values(expected, found[2]))}" if found else str(error)


def _values(expected: Any, name: str) -> Iterable[str]:
    _, schemas = msgspec.json.schema_components([expected])
    fields = [schema["properties"][name] for schema in schemas.values() if name in schema.get("properties", ())]
    return [f"'{value}'" for field in fields for one in field.get("anyOf", [field]) for value in one.get("enum", ())]


def why(body: bytes, error: Exception) -> str:
    """What is wrong with it. Nothing of the body is repeated, since the message may go to a log."""
    if not body:
        return "it is empty"
    if body.startswith(MARKS):
        return "it begins with a byte order mark; send UTF-8 without one"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if LONE_SURROGATE.search(body):
        return "it has a lone surrogate, which is no character"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error).removeprefix("JSON is malformed: ").lower()
