"""Texts to vectors: any encoder, and after it the modules that a sentence-transformers directory names."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import AutoModel, MT5EncoderModel, T5EncoderModel, UMT5EncoderModel

from batcher.models.contract import Input
from batcher.models.encoders.encoder import Encoder
from batcher.models.encoders.recipe import Recipe, read_recipe
from batcher.models.encoders.steps import Steps
from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights
from batcher.models.layers.tensors import memory_errors, vectors
from batcher.models.settings import ModelSettings
from broker.common.tasks import THRESHOLD

# Of an encoder-decoder sentence-transformers takes the encoder; so do we where the library has a class for it.
ENCODERS = {"t5": T5EncoderModel, "mt5": MT5EncoderModel, "umt5": UMT5EncoderModel}


class Embedding:
    """An output is array("f"). An input is token ids, or {"ids": …, "prompt": n} where the first n do not count."""

    def __init__(self, weights: Weights, settings: ModelSettings) -> None:
        recipe = read_recipe(weights)
        network = weights.inside(recipe.network)
        kind = network.json_object("config.json").get("model_type")
        self._encoder = Encoder(ENCODERS.get(str(kind), AutoModel), network, settings, recipe)
        self.pads = self._encoder.pads
        width = self._encoder.first(self._encoder.states).shape[-1]
        self._steps = Steps(recipe, weights, width=width, device=self._encoder.device, scale=settings.normalize)
        self.about = self._encoder.about(
            task="embedding",
            revision=weights.revision("embedding", settings.dtype, settings.normalize, settings.long_text),
            options={
                **self._prompts(recipe),
                "is_unit": self._steps.is_unit,
                "threshold": float(weights.notes.get("threshold", THRESHOLD)),  # at which two texts are alike
                **({"matryoshka": True} if weights.notes.get("matryoshka") else {}),  # the first numbers do alone
            },
        )

    def cost(self, input: Input) -> int:
        return len(_ids(input) or ())

    def warm_up(self) -> None:
        self._encoder.warm_up(self.forward)

    @torch.inference_mode()
    def forward(self, inputs: Sequence[Input]) -> list[array[float]]:
        with memory_errors():
            states = self._encoder.states([_ids(input) for input in inputs])
            return vectors(self._steps(states, [_prompt(input) for input in inputs]))

    def _prompts(self, recipe: Recipe) -> dict[str, Any]:
        """What front ends put before a text, by name; with `uncounted`, how many of its tokens are not pooled."""
        for name, text in recipe.prompts.items():
            if self._encoder.prompt_tokens(text) >= self._encoder.longest - 1:
                raise ModelSpecError(f"the prompt {name} leaves no room for a text in {self._encoder.longest} tokens")
        options: dict[str, Any] = {"prompts": dict(recipe.prompts)}
        if recipe.default_prompt:
            options["default_prompt"] = recipe.default_prompt
        if not all(step.config.get("include_prompt", True) for step in recipe.steps):
            options["uncounted"] = {name: self._encoder.prompt_tokens(text) for name, text in recipe.prompts.items()}
        return options


def _ids(input: Input) -> Any:
    return input.get("ids") if isinstance(input, Mapping) else input


def _prompt(input: Input) -> int:
    return int(input.get("prompt", 0)) if isinstance(input, Mapping) else 0
