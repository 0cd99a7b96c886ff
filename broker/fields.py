"""Whether what stands in a message is what its field promises. Pure: garbage must end where it is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any


def is_number(value: Any) -> bool:
    """Finite, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(values: Any) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str | bytes) and all(map(is_text, values))


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(is_text, value))


def _is_table_of_texts(value: Any) -> bool:
    return _is_table(value) and all(map(is_text, value.values()))


# By how the field is annotated.
KEEPS_ITS_PROMISE: Mapping[str, Callable[[Any], bool]] = {
    "str": is_text,
    "int": is_count,
    "float": is_number,
    "Sequence[str]": _are_texts,
    "Mapping[str, str]": _is_table_of_texts,
    "Mapping[str, Value]": _is_table,
    "Speed": _is_table,  # as it travels
    "Limits | None": lambda value: value is None or _is_table(value),
    "Slo | None": lambda value: value is None or _is_table(value),
}


def misfits(kind: type[Any], row: Mapping[str, Any]) -> list[str]:
    """The fields of this dataclass whose value in `row` is of another kind."""
    return [
        field.name
        for field in fields(kind)
        if field.name in row and not KEEPS_ITS_PROMISE[str(field.type)](row[field.name])
    ]
