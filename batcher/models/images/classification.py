"""Pictures to scores, one for each label: any `AutoModelForImageClassification` whose preprocessing is a recipe."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForImageClassification
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES

from batcher.models.contract import About, Input, InvalidInput, OutOfMemory
from batcher.models.errors import ModelSpecError
from batcher.models.files.labels import label_config, label_names
from batcher.models.files.network import load_network
from batcher.models.files.weights import Weights
from batcher.models.images.recipe import Recipe, recipe_of
from batcher.models.layers.dtype_advice import advise_network
from batcher.models.layers.int8 import replace_linear
from batcher.models.layers.scores import Scores
from batcher.models.layers.tensors import memory_errors, vectors
from batcher.models.settings import ModelSettings

CHANNELS = 3  # red, green, blue
WARM_UP = (1, 8)  # pictures of the forwards that warm up


class ImageClassification:
    """An input is a picture as front ends make it by the recipe on the card: bytes, rows of RGB.

    An output is array("f"), a score for each of `about.labels` in their order: what `Scores` makes of the logits.
    """

    pads = False  # pictures have one size

    def __init__(self, weights: Weights, settings: ModelSettings) -> None:
        recipe = recipe_of(weights)
        _check_family(weights)
        config = label_config(label_names(weights))
        network = load_network(AutoModelForImageClassification, weights, settings, **config)
        if network.device.type == "cpu":
            advise_network(network, settings.dtype)
        if settings.dtype == "int8":
            replace_linear(network)
        self._network, self._weights = network, weights
        self._pixels = Pixels(recipe, network.device, network.dtype)
        self._scores = Scores(network.config)
        self._cost = cost_of(network.config, recipe)
        self.example = bytes(recipe.height * recipe.width * CHANNELS)
        self._scores.check(self._first(), weights)
        self.about = self._about(recipe, weights.revision("image-classification", settings.dtype))

    def cost(self, input: Input) -> int:
        return self._cost

    def warm_up(self) -> None:
        for pictures in WARM_UP:
            self.forward([self.example] * pictures)

    @torch.inference_mode()
    def forward(self, inputs: Sequence[Input]) -> list[array[float]]:
        with memory_errors():
            return vectors(self._scores(self._logits(inputs)))

    def _logits(self, inputs: Sequence[Input]) -> torch.Tensor:
        logits: torch.Tensor = self._network(pixel_values=self._pixels(inputs)).logits
        return logits.float()

    @torch.inference_mode()
    def _first(self) -> torch.Tensor:
        """The logits of one picture. Raises `ModelSpecError` for a network that cannot compute one."""
        try:
            with memory_errors():
                return self._logits([self.example])[0]
        except OutOfMemory:
            raise
        except Exception as error:  # whatever a network says that wants another size, or more than a picture
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            kind = self._network.config.model_type
            raise ModelSpecError(f"{self._weights.directory} ({kind}) cannot compute a picture: {reason}") from error

    def _about(self, recipe: Recipe, revision: str) -> About:
        return About(
            task="image-classification",
            codec="image",
            revision=revision,
            max_cost=self._cost,
            labels=self._scores.labels,
            options={"image": recipe.for_card(), "cost": self._cost},
            description=str(self._weights.notes.get("description", "")),
        )


class Pixels:
    """Pictures of a recipe's size, as the numbers that the network is given: [pictures, channels, height, width]."""

    def __init__(self, recipe: Recipe, device: torch.device, dtype: torch.dtype) -> None:
        self._shape = (recipe.height, recipe.width, CHANNELS)
        self._length = recipe.height * recipe.width * CHANNELS
        table = torch.tensor(recipe.table(), dtype=torch.float32)  # [256, channels], in fp32 as the processors count
        self._numbers = table.T.to(dtype).flatten().to(device)  # the 256 of each channel, one after the other
        self._channels = torch.arange(0, table.numel(), len(table), dtype=torch.int32, device=device).view(-1, 1, 1)

    def __call__(self, inputs: Sequence[Input]) -> torch.Tensor:
        """Raises `InvalidInput`. Bytes travel to the card, a quarter of what numbers would be."""
        joined = bytearray().join(self._checked(input) for input in inputs)
        pixels = torch.frombuffer(joined, dtype=torch.uint8).to(self._numbers.device, non_blocking=True)
        return self._numbers[pixels.view(-1, *self._shape).permute(0, 3, 1, 2) + self._channels]

    def _checked(self, input: Input) -> bytes:
        if not isinstance(input, bytes):
            raise InvalidInput("this model takes a picture's pixels as bytes")
        if len(input) != self._length:
            height, width, channels = self._shape
            raise InvalidInput(f"this model takes {height}×{width} pixels of {channels} bytes, not {len(input)} bytes")
        return input


def _check_family(weights: Weights) -> None:
    """Raises `ModelSpecError`, before any weight is read, for a network of another kind."""
    kind = weights.json_object("config.json").get("model_type")
    if kind not in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES:
        raise ModelSpecError(f"{weights.directory} is a {kind or 'nameless'} model, which classifies no pictures")


def cost_of(config: Any, recipe: Recipe) -> int:
    """Of one picture: as many tokens as a transformer makes of it, its patches and one more; 1 where the network works
    in stages, as convolutions do. Pure."""
    vision = getattr(config, "vision_config", config)
    patch = getattr(vision, "patch_size", None)
    if not patch or getattr(vision, "depths", None):
        return 1
    height, width = (patch, patch) if isinstance(patch, int) else patch
    return (recipe.height // height) * (recipe.width // width) + 1
