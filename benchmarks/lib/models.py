"""A model in a process of our own, without a server: texts in, outputs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

TEXTS = "passthrough"  # the codec of models that take the text itself
Forward = Callable[[Sequence[str]], list[Any]]


def forward_of(spec: str) -> Forward:
    """How the model of a spec computes a batch. Raises `ValueError` for a spec that names none, or none of texts."""
    from batcher.models.settings import ModelSettings
    from batcher.models.spec import load_model, parse_spec

    model = load_model(parse_spec(spec), ModelSettings())
    if model.about.codec != TEXTS:
        raise ValueError(f"{spec} takes no texts as they are (its codec is {model.about.codec})")
    model.warm_up()
    return model.forward
