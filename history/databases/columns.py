"""The table's columns, and a row as their values. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from broker.history.rows import HistoryRow

COLUMNS = HistoryRow.__struct_fields__
# The types that PostgreSQL is told when rows are brought.
POSTGRESQL_TYPES: Mapping[str, str] = {
    "at": "timestamptz",
    "id": "uuid",
    "status": "smallint",
    "input_hash": "bytea",
    "is_cut": "boolean",
    "output": "jsonb",
    "score": "double precision",
    "cost": "integer",
    "queue": "real",
    "compute": "real",
    "batch_size": "integer",
    "is_cached": "boolean",
}
NOT_KEPT = {"input_hash", "input", "output"}  # null where they are empty
# What PostgreSQL stores in no text and no jsonb: NUL, and half of a surrogate pair.
NO_TEXT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|\x00")


def values_of(row: HistoryRow) -> dict[str, Any]:
    """By column. Raises `ValueError` for an id that is none."""
    if len(row.id) != 16:
        raise ValueError("an id has 16 bytes")
    said = msgspec.structs.asdict(row) | {"output": _json(row.output)}
    said |= {name: said[name] or None for name in NOT_KEPT}
    return {name: text_of(value) if isinstance(value, str) else value for name, value in said.items()}


def text_of(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _json(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return json.dumps(_clean(json.loads(text)), ensure_ascii=False) if NO_TEXT.search(text) else text


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, dict):
        return {text_of(name): _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value
