"""Texts to scores, one for each label: any `AutoModelForSequenceClassification`."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import torch
from transformers import AutoModelForSequenceClassification

from batcher.models.contract import Input
from batcher.models.encoder import Encoder
from batcher.models.settings import ModelSettings
from batcher.models.tensors import memory_errors, vectors
from batcher.models.weights import Weights


class Classification:
    """An output is array("f"), a score for each of `about.labels` in their order.

    Softmax, where one label excludes the others; sigmoid where each stands for itself (`problem_type` multi_label, or a
    single label); the number itself where `problem_type` is regression.
    """

    def __init__(self, weights: Weights, settings: ModelSettings) -> None:
        self._encoder = Encoder(AutoModelForSequenceClassification, weights, settings)
        self.pads = self._encoder.pads
        config = self._encoder.config
        self._problem = config.problem_type or ("multi_label_classification" if config.num_labels == 1 else "")
        self.about = self._encoder.about(
            task="classification",
            revision=weights.revision("classification", settings.dtype),
            labels=tuple(str(config.id2label[number]) for number in range(config.num_labels)),
        )

    def cost(self, input: Input) -> int:
        return len(input)

    def warm_up(self) -> None:
        for inputs in self._encoder.warm_up_inputs():
            self.forward(inputs)

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
