"""Image classifiers on the card beside the CPU: the demo model, and a network of each kind with random weights."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from batcher.models.settings import ModelSettings
from batcher.models.spec import load_model, parse_spec
from tests.gpu.parts import DEMO, DTYPES, Check, Setup
from tests.models.tiny_images import picture_classifier

FAMILIES = ("resnet", "vit", "convnext", "swin", "mobilenet_v2")
SCORES = {"fp32": 1e-4, "bf16": 0.1, "fp16": 0.02}  # how far a score may be from the CPU's in fp32


def run(setup: Setup) -> Iterator[Check]:
    """Each in every dtype, with pictures that are noise and with plain ones."""
    yield from _compared(setup, "demo", DEMO / "image_classification")
    for family in FAMILIES[:2] if setup.is_tiny else FAMILIES:
        yield from _compared(setup, family, picture_classifier(setup.directory / family, family))


def _compared(setup: Setup, name: str, directory: Path) -> Iterator[Check]:
    expected = _scores(setup, directory, device="cpu")
    for dtype in DTYPES:
        found = _scores(setup, directory, device=setup.device, dtype=dtype)
        apart = (found - expected).abs().max().item()
        same = (found.argmax(dim=1) == expected.argmax(dim=1)).float().mean().item()
        figures = {"same label": round(same, 4), "largest difference": round(apart, 6)}
        yield Check(name=f"image-classification {name} {dtype}", is_ok=apart <= SCORES[dtype], figures=figures)


def _scores(setup: Setup, directory: Path, **settings: str) -> torch.Tensor:
    model = load_model(parse_spec(f"image-classification:{directory},name=pictures"), ModelSettings(**settings))
    some = _pictures(len(model.example or b""), setup.pick(128, 6))
    return torch.tensor([list(scores) for scores in model.forward(some)])


def _pictures(size: int, count: int) -> Sequence[bytes]:
    rng = random.Random(0)
    return [rng.randbytes(size) if at % 2 else bytes([rng.randrange(256)]) * size for at in range(count)]
