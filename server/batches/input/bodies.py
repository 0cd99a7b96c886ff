"""What the body of a line asks for, as far as its lane must know: which model, and about how many jobs. Pure."""

from __future__ import annotations

import msgspec
from msgspec import Raw


def asks_for(body: Raw) -> tuple[str | None, int]:
    """The model that a body names, and about how many jobs it is: as many as its longest list is long."""
    fields = _fields(body)
    if "payload" in fields:
        fields = _fields(fields["payload"])
    lists = (_length(value) for value in fields.values())
    return _text(fields.get("model")), max(lists, default=1)


def _fields(raw: Raw) -> dict[str, Raw]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _length(raw: Raw) -> int:
    if bytes(raw)[:1] != b"[":
        return 1
    try:
        return max(1, len(msgspec.json.decode(raw, type=list[Raw])))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 1


def _text(raw: Raw | None) -> str | None:
    try:
        return None if raw is None else msgspec.json.decode(raw, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
