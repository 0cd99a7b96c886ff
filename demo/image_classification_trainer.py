"""How the small image classifier learns shapes and colours."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from PIL import Image
from transformers import ResNetConfig, ResNetForImageClassification
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

from demo.pictures import CROP, LABELS, SIDE, drawings, example, picture

EXAMPLE = "red_circle.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything a training run depends on."""

    seed: int = 9527
    pictures: int = 12_000
    epochs: int = 8
    batch_size: int = 64
    peak_rate: float = 4e-3


def train_image_classification(folder: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
    """Train from nothing and write a complete model directory, with a picture to try it by."""
    torch.manual_seed(recipe.seed)
    processor = ConvNextImageProcessorPil(size={"shortest_edge": SIDE}, crop_pct=CROP)
    model = ResNetForImageClassification(_configuration())
    say(f"image_classification model parameters={model.num_parameters()}")
    chance, drawn = random.Random(recipe.seed), list(drawings(recipe.pictures, recipe.seed, held_out=False))
    pixels = crops(processor, (picture(drawing, chance) for drawing in drawn))
    labels = torch.tensor([LABELS.index(drawing.label) for drawing in drawn])
    say(f"image_classification pictures={len(labels)}")
    _fit(model, processor, pixels, labels, recipe, say)
    processor.save_pretrained(folder)
    model.half().save_pretrained(folder)
    example().save(folder / EXAMPLE, optimize=True)


def crops(processor: ConvNextImageProcessorPil, pictures: Iterable[Image.Image]) -> torch.Tensor:
    """[pictures, 3, SIDE, SIDE] in bytes: all that a processor does but rescale and normalise."""
    found = [processor(one, do_rescale=False, do_normalize=False)["pixel_values"][0] for one in pictures]
    return torch.from_numpy(numpy.stack(found))


def normalised(processor: ConvNextImageProcessorPil, pixels: torch.Tensor) -> torch.Tensor:
    """What the network is given of crops."""
    mean, deviation = (torch.tensor(one).view(3, 1, 1) for one in (processor.image_mean, processor.image_std))
    return (pixels.float() * processor.rescale_factor - mean) / deviation


def _configuration() -> ResNetConfig:
    return ResNetConfig(
        embedding_size=16,
        hidden_sizes=[16, 32, 64],
        depths=[1, 1, 1],
        layer_type="basic",
        id2label=dict(enumerate(LABELS)),
        label2id={label: number for number, label in enumerate(LABELS)},
    )


def _fit(
    model: ResNetForImageClassification,
    processor: ConvNextImageProcessorPil,
    pixels: torch.Tensor,
    labels: torch.Tensor,
    recipe: Recipe,
    say: Callable[[str], None],
) -> None:
    model.train()
    steps = recipe.epochs * -(-len(labels) // recipe.batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.peak_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.peak_rate, total_steps=steps, pct_start=0.2)
    started, step = time.monotonic(), 0
    for _ in range(recipe.epochs):
        for batch in torch.randperm(len(labels)).split(recipe.batch_size):
            logits = model(pixel_values=normalised(processor, pixels[batch])).logits
            loss = torch.nn.functional.cross_entropy(logits, labels[batch], label_smoothing=0.05)
            loss.backward()
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            if step % 200 == 0:
                seconds = time.monotonic() - started
                say(f"image_classification step={step}/{steps} loss={loss.item():.4f} elapsed={seconds:.0f}s")
    model.eval()
