"""An encoder without padding: the BERT family on a CPU, with the classifier of its checkpoint where it has one."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

import torch

from batcher.models.encoders.bert import Bert


class Unpadded:
    """A text's states and scores do not depend on the texts beside it."""

    pads = False

    def __init__(self, network: Any, dtype: str) -> None:
        self._bert = Bert(network.base_model.state_dict(), network.config, dtype)
        self._head = _head(network) if hasattr(network, "classifier") else None

    def states(self, rows: Sequence[array[int]]) -> list[torch.Tensor]:
        """For each row of ids its last hidden states [tokens, width]."""
        return self._bert(rows)

    def logits(self, rows: Sequence[array[int]], seconds: Sequence[int] | None = None) -> torch.Tensor:
        """[rows, labels]; every classifier of the family reads the first token."""
        assert self._head is not None
        return self._head(torch.stack([states[0] for states in self._bert(rows, seconds)]))


def _head(network: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """[rows, width] → [rows, labels]. Holds the modules of the classifier alone, so that the encoder's can go."""
    family, classifier = network.config.model_type, network.classifier
    if family == "bert":
        pooler = network.base_model.pooler
        return lambda first: classifier(pooler(first.unsqueeze(1)))
    if family == "distilbert":
        dense = network.pre_classifier
        return lambda first: classifier(dense(first).relu())
    return lambda first: classifier(first.unsqueeze(1))
