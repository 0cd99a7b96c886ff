"""Encoders on the card beside the CPU: every family of BERT, one that transformers computes on both, and pairs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from tests.gpu.parts import DTYPES, Check, Setup
from tests.models import tiny
from tests.models.tiny import load_encoder

FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet")
WITH_TYPES = ("bert", "electra")  # families whose tokens tell the second text of a pair from the first
LENGTHS = (1, 2, 3, 3, 17, 44)  # of the first texts; the others are drawn
# The least cosine of a vector with the CPU's in fp32, and how far a score may be from it. Weights are random and wide,
# so that half the bits show more than in a trained model.
COSINES = {"fp32": 0.99999, "bf16": 0.99, "fp16": 0.999}
SCORES = {"fp32": 1e-4, "bf16": 0.2, "fp16": 0.03}


def run(setup: Setup) -> Iterator[Check]:
    """Embedding and classification of each family, and pairs of texts, in every dtype."""
    rng = random.Random(0)
    texts = tiny.texts([*LENGTHS, *(rng.randrange(1, 45) for _ in range(setup.pick(58, 2)))])
    for family in FAMILIES[:2] if setup.is_tiny else FAMILIES:
        directory = tiny.family(setup.directory / family, family)
        yield from _compared(setup, f"embedding {family}", "embedding", directory, texts)
    for family in FAMILIES[:2] if setup.is_tiny else FAMILIES:
        directory = tiny.family(setup.directory / f"{family}-2", family, AutoModelForSequenceClassification)
        yield from _compared(setup, f"classification {family}", "classification", directory, texts)
    pairs = [{"ids": text, "second": (len(text) + 1) // 2} for text in texts]
    for family in WITH_TYPES[:1] if setup.is_tiny else WITH_TYPES:
        directory = tiny.family(
            setup.directory / f"{family}-pairs", family, AutoModelForSequenceClassification, num_labels=1
        )
        yield from _compared(setup, f"rerank {family}", "rerank", directory, pairs)


def _compared(setup: Setup, name: str, kind: str, directory: Any, texts: Sequence[Any]) -> Iterator[Check]:
    expected = _numbers(load_encoder(kind, directory, device="cpu"), texts)
    for dtype in DTYPES:
        found = _numbers(load_encoder(kind, directory, device=setup.device, dtype=dtype), texts)
        if kind == "embedding":
            least = torch.cosine_similarity(found, expected).min().item()
            is_ok, figures = least >= COSINES[dtype], {"least cosine": round(least, 6)}
        else:
            apart = (found - expected).abs().max().item()
            is_ok, figures = apart <= SCORES[dtype], {"largest difference": round(apart, 6)}
        yield Check(name=f"{name} {dtype}", is_ok=is_ok, figures=figures)


def _numbers(model: Any, texts: Sequence[Any]) -> torch.Tensor:
    return torch.tensor([list(row) for row in model.forward(texts)])
