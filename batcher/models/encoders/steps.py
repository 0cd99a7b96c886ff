"""From a text's token states to its vector: the modules of sentence-transformers that follow the network.

They compute on features by name, as the library's do: `token_embeddings` of all texts one after another, and, once
there was a pooling, `sentence_embedding` with a row for each text. In fp32, whatever the network computes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import normalize

from batcher.models.encoders.pooling import SENTENCES, TOKENS, Features, Pooling, Spans
from batcher.models.encoders.recipe import Recipe, Step
from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights


class Steps:
    """All that follows the network, ready to compute. Raises `ModelSpecError` for modules that do not fit together."""

    def __init__(self, recipe: Recipe, weights: Weights, *, width: int, device: torch.device, scale: str) -> None:
        steps = list(recipe.steps)
        if scale == "off":
            while steps and steps[-1].kind in ("Normalize", "Dropout"):
                steps.pop()
        self._dimensions, self._is_scaled = recipe.dimensions, scale == "on"
        self._modules = [_module(step, weights).to(device).eval() for step in steps]
        self.is_unit = self._is_scaled or (self._dimensions is None and _ends_normalized(steps))
        self._try(weights, width, device)

    def __call__(self, states: Sequence[torch.Tensor], prompts: Sequence[int]) -> torch.Tensor:
        """[texts, width], from each text's states [tokens, width] and how many of its tokens are its prompt's."""
        spans = Spans(lengths=[len(state) for state in states], prompts=prompts)
        features = {TOKENS: torch.cat(list(states)).float()}
        for module in self._modules:
            module(features, spans)
        vectors = features[SENTENCES][:, : self._dimensions]
        return normalize(vectors, dim=-1) if self._is_scaled else vectors

    def _try(self, weights: Weights, width: int, device: torch.device) -> None:
        try:
            self([torch.ones(2, width, device=device)], [0])
        except KeyError as error:
            raise ModelSpecError(f"{weights.directory} has modules of which none makes a {error.args[0]}") from error
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise ModelSpecError(f"{weights.directory} has modules that do not fit together: {reason}") from error


class Dense(nn.Module):
    """A layer with an activation, on what `module_input_name` says. Its parts have the names of its checkpoint."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        inputs, outputs = int(config["in_features"]), int(config["out_features"])
        self.linear = nn.Linear(inputs, outputs, bias=config.get("bias", True))
        self.activation_function = activation(config.get("activation_function", "torch.nn.Tanh"))
        self._adds_input = config.get("use_residual", False)
        if self._adds_input:
            self.residual = nn.Identity() if inputs == outputs else nn.Linear(inputs, outputs, bias=False)
        self._reads, self._writes = _names(config)

    def forward(self, features: Features, spans: Spans) -> None:
        x = features[self._reads]
        y = self.activation_function(self.linear(x))
        features[self._writes] = y + self.residual(x) if self._adds_input else y


class Normalize(nn.Module):
    """Length 1; nothing where there is nothing yet, as in the library."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self._reads, self._writes = _names(config)

    def forward(self, features: Features, spans: Spans) -> None:
        if self._reads in features:
            features[self._writes] = normalize(features[self._reads], dim=-1)


class LayerNorm(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(int(config["dimension"]))

    def forward(self, features: Features, spans: Spans) -> None:
        features[SENTENCES] = self.norm(features[SENTENCES])


class Dropout(nn.Module):
    """For training: it changes nothing here, but needs its input."""

    def __init__(self, config: Any) -> None:
        super().__init__()

    def forward(self, features: Features, spans: Spans) -> None:
        features[SENTENCES]


MODULES: dict[str, type[nn.Module]] = {
    module.__name__: module for module in (Pooling, Dense, Normalize, LayerNorm, Dropout)
}


def activation(name: str) -> nn.Module:
    """One of torch's own, by its full name. Raises `ModelSpecError` for any other."""
    last = name.rpartition(".")[2]
    activation_class = nn.Identity if last == "Identity" else getattr(nn.modules.activation, last, None)
    if (
        not name.startswith("torch.nn.")
        or not isinstance(activation_class, type)
        or not issubclass(activation_class, nn.Module)
    ):
        raise ModelSpecError(f"its Dense module has the activation {name}, and only torch's own are served")
    try:
        return activation_class()
    except TypeError as error:
        raise ModelSpecError(f"its Dense module has the activation {name}, which cannot be made by its name") from error


def _module(step: Step, weights: Weights) -> nn.Module:
    try:
        module = MODULES[step.kind](step.config)
    except KeyError as error:
        raise ModelSpecError(f"{weights.directory / step.folder} says nothing of {error.args[0]}") from error
    if any(True for _ in module.parameters()):
        _load(module, step, weights)
    return module


def _load(module: nn.Module, step: Step, weights: Weights) -> None:
    name, old = (str(PurePosixPath(step.folder, file)) for file in ("model.safetensors", "pytorch_model.bin"))
    if not weights.has(name) and not weights.has(old):
        raise ModelSpecError(f"{weights.directory} holds no {name}")
    try:
        if weights.has(name):
            module.load_state_dict(load_file(weights.directory / name))
        else:
            name = old
            module.load_state_dict(torch.load(weights.directory / old, map_location="cpu", weights_only=True))
    except Exception as error:  # the file's own errors have no common class
        reason = " ".join(str(error).split())
        raise ModelSpecError(f"{weights.directory / name} does not fit its config.json: {reason}") from error


def _names(config: Any) -> tuple[str, str]:
    reads = config.get("module_input_name") or SENTENCES
    return reads, config.get("module_output_name") or reads


def _ends_normalized(steps: Sequence[Step]) -> bool:
    last = [step for step in steps if step.kind != "Dropout"][-1:]
    return any(step.kind == "Normalize" and _names(step.config) == (SENTENCES, SENTENCES) for step in last)
