"""The further fields of a payload, which a custom model may read. Bounded, since they may be anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from broker.messages import FailureCode
from server.api.schema.envelope import read
from server.errors import Problem

MOST = 65_536  # bytes; a megabyte of JSON may become fifty megabytes of objects
BLANKS = b" \t\r\n"  # not counted: between fields they make no object
NOT_OPTIONS = ("records", "model")


class _Rows(Struct):
    records: Raw


class _WithRows(Struct):
    payload: _Rows


class _WithFields(Struct):
    payload: dict[str, Raw]


ROWS, FIELDS = Decoder(_WithRows), Decoder(_WithFields)
ANYTHING: Decoder[Any] = Decoder()


def _size(json: bytes) -> int:
    return len(json.translate(None, BLANKS))


def further_fields(body: bytes) -> Mapping[str, Any]:
    """All but records and model. Raises `Problem`: too large, or a number out of range, which shows only now."""
    if len(body) > MOST and _size(body) - _size(bytes(read(ROWS, body).payload.records)) > MOST:
        raise Problem(FailureCode.TOO_LARGE, f"All but the records may have at most {MOST} bytes.", limit=MOST)
    fields = read(FIELDS, body).payload
    return {name: read(ANYTHING, bytes(raw)) for name, raw in fields.items() if name not in NOT_OPTIONS}
