"""JSON as it leaves a front end: by orjson, which is faster, and by msgspec where orjson refuses."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

_by_msgspec = msgspec.json.Encoder().encode


def to_json(value: Any) -> bytes:
    """Whoever calls has looked for NaN, which would become null. Raises `TypeError` for what JSON has no word for,
    `UnicodeEncodeError` for half a surrogate pair, `RecursionError`."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # integers beyond 64 bits, numbers as keys, more than 254 levels, bytes
        return _by_msgspec(value)
