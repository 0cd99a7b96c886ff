"""The labels of a classifier, as its config.json names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights

MOST_LABELS = 100_000


def label_names(weights: Weights) -> list[str]:
    """Of every number up to the highest; a number that config.json leaves out has the name that transformers gives it.

    Empty where config.json names none. Raises `ModelSpecError` for what is no number.
    """
    config = weights.json_object("config.json")
    id2label = config.get("id2label") or {}
    try:
        names = (
            {int(number): str(label) for number, label in id2label.items()} if isinstance(id2label, Mapping) else None
        )
    except ValueError:
        names = None
    count = max(names, default=-1) + 1 if names is not None else 0
    if names is None or len(names) != len(id2label) or min(names, default=0) < 0 or count > MOST_LABELS:
        raise ModelSpecError(f"{weights.directory} has an id2label whose keys are not the numbers of its labels")
    return [names.get(number, f"LABEL_{number}") for number in range(count)]


def label_config(labels: Sequence[str]) -> dict[str, Any]:
    """What the network is made with, so that its head has as many outputs as the highest number needs."""
    if not labels:
        return {}
    return {"id2label": dict(enumerate(labels)), "label2id": {label: number for number, label in enumerate(labels)}}
