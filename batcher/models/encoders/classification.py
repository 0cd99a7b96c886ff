"""Texts to scores, one for each label: any `AutoModelForSequenceClassification`."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import torch
from transformers import AutoModelForSequenceClassification

from batcher.models.contract import Input
from batcher.models.encoders.encoder import Encoder
from batcher.models.files.labels import label_config, label_names
from batcher.models.files.weights import Weights
from batcher.models.layers.scores import Scores
from batcher.models.layers.tensors import memory_errors, vectors
from batcher.models.settings import ModelSettings


class Classification:
    """An output is array("f"), a score for each of `about.labels` in their order: what `Scores` makes of the logits."""

    def __init__(self, weights: Weights, settings: ModelSettings) -> None:
        config = label_config(label_names(weights))
        self._encoder = Encoder(AutoModelForSequenceClassification, weights, settings, **config)
        self.pads = self._encoder.pads
        self._scores = Scores(self._encoder.config)
        self._scores.check(self._encoder.first(self._encoder.logits), weights)
        self.about = self._encoder.about(
            task="classification",
            revision=weights.revision("classification", settings.dtype, settings.long_text),
            labels=self._scores.labels,
        )

    def cost(self, input: Input) -> int:
        return len(input)

    def warm_up(self) -> None:
        self._encoder.warm_up(self.forward)

    @torch.inference_mode()
    def forward(self, inputs: Sequence[Input]) -> list[array[float]]:
        with memory_errors():
            return vectors(self._scores(self._encoder.logits(inputs)))
