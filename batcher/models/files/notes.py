"""A directory's `jitney.json`: what its makers want to be known of the model besides its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import NOTES, Weights


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one for one in value)


def _is_similarity(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_texts, value.values())) and len({*map(len, value.values())}) == 1


FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "description": (_is_text, "a text"),
    "languages": (_is_texts, 'a list of codes, as ["en", "fr"]'),
    "markers": (_is_table, 'equally long lists of words by language, as {"en": ["Anna"], "ja": ["アンナ"]}'),
    "matryoshka": (_is_switch, "true or false: whether vectors were trained to be cut"),
    "max_cost": (_is_length, "a whole number of tokens, 1 or more"),
    "threshold": (_is_similarity, "a similarity, above 0 and at most 1"),
}


def check_notes(weights: Weights) -> None:
    """Raises `ModelSpecError` for a field that says something else than it is for; unknown ones are ignored."""
    for name, (holds, meant) in FIELDS.items():
        if name in weights.notes and not holds(weights.notes[name]):
            found = str(weights.notes[name])[:40]
            raise ModelSpecError(f"{weights.directory / NOTES}: {name} is {meant}, not {found!r}")
