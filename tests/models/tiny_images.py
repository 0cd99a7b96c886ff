"""Image classifiers with random weights, seeded: each architecture with the preprocessing that it is used with."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image
from transformers import AutoConfig, AutoModelForImageClassification

transformers.logging.disable_progress_bar()

SIDE = 32  # pixels of what the networks see
ATTENTION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
PATCHES = {"image_size": SIDE, "patch_size": 8}
STAGES = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
SHORTEST = {"size": {"shortest_edge": 40}, "crop_size": {"height": SIDE, "width": SIDE}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """An architecture: what its config says, and what its preprocessor_config.json."""

    processor: str
    config: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    cost: int = 1  # tokens of a picture


FAMILIES: Mapping[str, Family] = {
    "vit": Family(processor="ViTImageProcessor", config=ATTENTION | PATCHES, preprocessing={"size": SIDE}, cost=17),
    "deit": Family(
        processor="DeiTImageProcessor",
        config=ATTENTION | PATCHES | {"architectures": ["DeiTForImageClassification"]},
        preprocessing={"size": 40, "crop_size": SIDE},
        cost=17,
    ),
    "beit": Family(
        processor="BeitImageProcessor",
        config=ATTENTION | PATCHES | {"vocab_size": 16},
        preprocessing={"size": SIDE},
        cost=17,
    ),
    "dinov2": Family(processor="BitImageProcessor", config=ATTENTION | PATCHES, preprocessing=SHORTEST, cost=17),
    "siglip": Family(
        processor="SiglipImageProcessor",
        config={"vision_config": ATTENTION | PATCHES, "text_config": ATTENTION},
        preprocessing={"size": {"height": SIDE, "width": SIDE}},
        cost=17,
    ),
    "clip": Family(
        processor="CLIPImageProcessor",
        config={"vision_config": ATTENTION | PATCHES, "text_config": ATTENTION},
        preprocessing=SHORTEST,
        cost=17,
    ),
    "swin": Family(
        processor="ViTImageProcessor",
        config={"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 4], "window_size": 4, "image_size": SIDE}
        | {"patch_size": 2},
        preprocessing={"size": SIDE},
    ),
    "convnext": Family(
        processor="ConvNextImageProcessor", config=STAGES, preprocessing={"size": {"shortest_edge": SIDE}}
    ),
    "resnet": Family(
        processor="ConvNextImageProcessor",
        config=STAGES | {"embedding_size": 8, "layer_type": "basic"},
        preprocessing={"size": {"shortest_edge": SIDE}},
    ),
    "regnet": Family(
        processor="ConvNextImageProcessor",
        config=STAGES | {"embedding_size": 8, "groups_width": 4},
        preprocessing={"size": {"shortest_edge": SIDE}},
    ),
    "mobilenet_v1": Family(
        processor="MobileNetV1ImageProcessor",
        config={"image_size": SIDE, "depth_multiplier": 0.25},
        preprocessing=SHORTEST,
    ),
    "mobilenet_v2": Family(
        processor="MobileNetV2ImageProcessor",
        config={"image_size": SIDE, "depth_multiplier": 0.25},
        preprocessing=SHORTEST,
    ),
}


def picture_classifier(directory: Path, name: str = "vit", *, labels: int = 5, **config: Any) -> Path:
    """A checkpoint of this family, its labels `label 0`, `label 1` …"""
    torch.manual_seed(0)
    names = {number: f"label {number}" for number in range(labels)}
    named = {"id2label": names, "label2id": {label: number for number, label in names.items()}}
    network = AutoModelForImageClassification.from_config(
        AutoConfig.for_model(name, **FAMILIES[name].config, **named, **config)
    )
    _shake(network)
    _settle(network)
    network.save_pretrained(directory)
    said = {"image_processor_type": FAMILIES[name].processor, **FAMILIES[name].preprocessing}
    (directory / "preprocessor_config.json").write_text(json.dumps(said))
    return directory


def pictures(count: int, seed: int = 0) -> list[Image.Image]:
    """RGB noise over a slope, of any size."""
    rng = random.Random(seed)
    return [_picture(rng, rng.randint(20, 90), rng.randint(20, 90)) for _ in range(count)]


def processor_of(directory: Path) -> Any:
    """What transformers prepares this checkpoint's pictures with, by Pillow."""
    return transformers.AutoImageProcessor.from_pretrained(directory, backend="pil")


def crops(directory: Path, some: Sequence[Image.Image]) -> list[bytes]:
    """What front ends send of these: all that the processor does but rescale and normalise, channels last."""
    processor = processor_of(directory)
    found = [processor(one, do_rescale=False, do_normalize=False)["pixel_values"][0] for one in some]
    return [one.transpose(1, 2, 0).tobytes() for one in found]


def _picture(rng: random.Random, width: int, height: int) -> Image.Image:
    noise = Image.frombytes("RGB", (width, height), rng.randbytes(width * height * 3))
    slope = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    return Image.blend(slope, noise, rng.random())


def _shake(network: torch.nn.Module) -> None:
    """New weights are so small that every picture gets the same scores, and norms do nothing."""
    with torch.no_grad():
        for name, weights in network.named_parameters():
            if weights.dim() > 1:
                weights += 0.6 * torch.randn_like(weights) / weights[0].numel() ** 0.5
            elif "lambda" not in name:
                weights += 0.3 * torch.randn_like(weights)


@torch.no_grad()
def _settle(network: torch.nn.Module) -> None:
    """Norms of batches find the range of what they get: without it nothing is left of a picture after twenty layers."""
    norms = [part for part in network.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the very mean of what comes
        norm.reset_running_stats()
    if norms:
        network.train()(pixel_values=torch.randn(32, 3, SIDE, SIDE))
