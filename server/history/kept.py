"""What is kept of an input and of an answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any

from server.json import to_json

MOST = 8_192  # bytes of an input, and of an output
LABEL = 256  # characters
COLUMNS = ("label", "score")  # fields that a row has places for
WORDS = ("detectedLang",)  # fields that are no text of a client's nor of a model's, though they are strings
NUMBERS = (bool, int, float)


def cut(text: str) -> tuple[str, bool]:
    """As much of it as is kept, and whether there was more."""
    data = text[:MOST].encode("utf-8", "replace")
    return data[:MOST].decode("utf-8", "ignore"), len(data) > MOST or len(text) > MOST


def output_of(answer: Mapping[str, Any], *, has_texts: bool) -> bytes:
    """The fields of an answer besides those of `COLUMNS`, as JSON; nothing where there are none. Texts are kept where
    that is allowed and they are not long, vectors never: their length stands for them. Nothing where even that
    is long."""
    if has_texts:
        whole = _json({name: _short(value) for name, value in answer.items() if name not in COLUMNS})
        if len(whole) <= MOST:
            return whole
    facts = _json(dict(_facts(answer)))
    return facts if len(facts) <= MOST else b""


def _facts(answer: Mapping[str, Any]) -> Any:
    """What says nothing of a text."""
    for name, value in answer.items():
        if name in COLUMNS:
            continue
        if isinstance(value, NUMBERS) or (name in WORDS and isinstance(value, str)):
            yield name, value
        elif name == "labels" and isinstance(value, list):
            yield name, [_label(one) for one in value if isinstance(one, Mapping)]
        elif _is_vector(value):
            yield name, len(value)


def _label(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value)[:LABEL] if name == "label" else _short(value) for name, value in one.items() if name in COLUMNS
    }


def _short(value: Any) -> Any:
    """The same without its vectors."""
    if isinstance(value, Mapping):
        return {str(name): _short(item) for name, item in value.items()}
    if _is_vector(value):
        return len(value)
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    return value


def _is_vector(value: Any) -> bool:
    """Numbers, whatever holds them."""
    if isinstance(value, list | tuple):
        return bool(value) and isinstance(value[0], int | float)
    return isinstance(value, Sized) and not isinstance(value, str | Mapping)


def _json(fields: Mapping[str, Any]) -> bytes:
    if not fields:
        return b""
    try:
        return to_json(fields)
    except (TypeError, ValueError, RecursionError):  # as of half a character
        return b""
