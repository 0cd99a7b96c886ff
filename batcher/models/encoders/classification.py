"""Texts to scores, one for each label: any `AutoModelForSequenceClassification`."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from batcher.models.contract import Input
from batcher.models.encoders.encoder import Encoder
from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights
from batcher.models.layers.tensors import memory_errors, vectors
from batcher.models.settings import ModelSettings

MOST_LABELS = 100_000


class Classification:
    """An output is array("f"), a score for each of `about.labels` in their order.

    Softmax, where one label excludes the others; sigmoid where each stands for itself (`problem_type` multi_label, or a
    single label); the number itself where `problem_type` is regression.
    """

    def __init__(self, weights: Weights, settings: ModelSettings) -> None:
        labels = label_names(weights)
        self._encoder = Encoder(AutoModelForSequenceClassification, weights, settings, **_label_config(labels))
        self.pads = self._encoder.pads
        config = self._encoder.config
        scores = self._encoder.first(self._encoder.logits)
        if len(scores) != config.num_labels or scores.dim() != 1:
            raise ModelSpecError(f"{weights.directory} names {config.num_labels} labels, its head {len(scores)} scores")
        self._problem = config.problem_type or ("multi_label_classification" if config.num_labels == 1 else "")
        self.about = self._encoder.about(
            task="classification",
            revision=weights.revision("classification", settings.dtype, settings.long_text),
            labels=tuple(str(config.id2label[number]) for number in range(config.num_labels)),
        )

    def cost(self, input: Input) -> int:
        return len(input)

    def warm_up(self) -> None:
        self._encoder.warm_up(self.forward)

    @torch.inference_mode()
    def forward(self, inputs: Sequence[Input]) -> list[array[float]]:
        with memory_errors():
            return vectors(self._scores(self._encoder.logits(inputs)))

    def _scores(self, logits: torch.Tensor) -> torch.Tensor:
        # An infinite logit would pass for a score of 1 or 0: its row is no answer.
        logits = logits.masked_fill(~logits.isfinite().all(dim=-1, keepdim=True), float("nan"))
        if self._problem == "multi_label_classification":
            return logits.sigmoid()
        return logits if self._problem == "regression" else logits.softmax(dim=-1)


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


def _label_config(labels: Sequence[str]) -> dict[str, Any]:
    """What the network is made with, so that its head has as many outputs as the highest number needs."""
    if not labels:
        return {}
    return {"id2label": dict(enumerate(labels)), "label2id": {label: number for number, label in enumerate(labels)}}
