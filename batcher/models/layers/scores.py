"""From a classifier's logits to its scores, as its config means them."""

from __future__ import annotations

from typing import Any

import torch

from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights


class Scores:
    """Softmax, where one label excludes the others; sigmoid where each stands for itself (`problem_type` multi_label,
    or a single label); the number itself where `problem_type` is regression."""

    def __init__(self, config: Any) -> None:
        self.labels = tuple(str(config.id2label[number]) for number in range(config.num_labels))
        self._problem = config.problem_type or ("multi_label_classification" if len(self.labels) == 1 else "")

    def check(self, logits: torch.Tensor, weights: Weights) -> None:
        """Raises `ModelSpecError` where the logits of one input are not one for each label."""
        if len(logits) != len(self.labels) or logits.dim() != 1:
            raise ModelSpecError(f"{weights.directory} names {len(self.labels)} labels, its head {len(logits)} scores")

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """Of logits [inputs, labels], in fp32."""
        # An infinite logit would pass for a score of 1 or 0: its row is no answer.
        logits = logits.masked_fill(~logits.isfinite().all(dim=-1, keepdim=True), float("nan"))
        if self._problem == "multi_label_classification":
            return logits.sigmoid()
        return logits if self._problem == "regression" else logits.softmax(dim=-1)
