"""Texts to vectors of length 1: any encoder, pooled as its makers say."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import normalize
from transformers import AutoModel

from batcher.models.contract import Input
from batcher.models.encoder import Encoder
from batcher.models.errors import ModelSpecError
from batcher.models.settings import ModelSettings
from batcher.models.tensors import memory_errors, vectors
from batcher.models.weights import Weights

KNOWN_STEPS = ("Transformer", "Pooling", "Normalize")


class Embedding:
    """An output is array("f"): the mean of the last hidden states, or the first one (CLS), L2-normalised."""

    def __init__(self, weights: Weights, settings: ModelSettings) -> None:
        self._pooling = _pooling(weights)
        self._encoder = Encoder(AutoModel, weights, settings)
        self.pads = self._encoder.pads
        self.about = self._encoder.about(
            task="embedding", revision=weights.revision("embedding", settings.dtype, self._pooling)
        )

    def cost(self, input: Input) -> int:
        return len(input)

    def warm_up(self) -> None:
        for inputs in self._encoder.warm_up_inputs():
            self.forward(inputs)

    @torch.inference_mode()
    def forward(self, inputs: Sequence[Input]) -> list[array[float]]:
        with memory_errors():
            pooled = [self._pooled(states.float()) for states in self._encoder.states(inputs)]
            return vectors(normalize(torch.stack(pooled), dim=-1))

    def _pooled(self, states: torch.Tensor) -> torch.Tensor:
        """[tokens, width] → [width]."""
        return states[0] if self._pooling == "cls" else states.mean(dim=0)


def _pooling(weights: Weights) -> str:
    """`mean` or `cls`. Raises `ModelSpecError` for a recipe that would give other vectors than its makers mean."""
    for step in weights.json_array("modules.json"):
        kind = str(step.get("type", "")).rpartition(".")[2]
        if kind not in KNOWN_STEPS:
            raise ModelSpecError(f"{weights.directory} ends in a {kind} step, which is not served here")
    recipe = weights.json_object("1_Pooling/config.json")
    modes = _modes(recipe)
    if modes not in (["mean"], ["cls"]):
        raise ModelSpecError(f"{weights.directory} is pooled by {' and '.join(modes)}; mean and cls are served")
    return modes[0]


def _modes(recipe: Mapping[str, Any]) -> list[str]:
    """sentence-transformers writes `pooling_mode` since version 6, and a switch for each mode before."""
    mode = recipe.get("pooling_mode")
    if mode:
        return [mode] if isinstance(mode, str) else [str(part) for part in mode]
    switched_on = [key for key, value in recipe.items() if key.startswith("pooling_mode_") and value is True]
    names = [key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token") for key in switched_on]
    return names or ["mean"]
