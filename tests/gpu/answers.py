"""The demo models' answers on the card, in fp32, bf16 and fp16, beside those of the CPU in fp32.

The translator is sure of its held-out sentences, and not of the same words in disorder: there smaller numbers may say
something else, as HF `generate` does on the same card.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from demo.dtype_evaluation import encoded_questions, scrambled
from tests.gpu.parts import DEMO, DTYPES, Check, Setup
from tests.models.in_flight import Row, reference
from tests.models.in_flight import load as load_translation
from tests.models.oracle import Oracle
from tests.models.tiny import load_encoder

TIE = 1e-3  # between two fp32 logits, or scores: sums in another order may decide
AGREE = {"fp32": 1.0, "bf16": 0.97, "fp16": 0.98}  # share of the answers that are those of the CPU
AGREE_IN_DISORDER = {"fp32": 1.0, "bf16": 0.85, "fp16": 0.94}
SCORES = {"fp32": 1e-4, "bf16": 0.1, "fp16": 0.02}  # how far a score may be from the CPU's


def run(setup: Setup) -> Iterator[Check]:
    """Translation, greedy and by five beams; classification."""
    for beams in (1, 5):
        yield from _translation(setup, beams)
    yield from _classification(setup)


def _translation(setup: Setup, beams: int) -> Iterator[Check]:
    folder = DEMO / "translation"
    sure = encoded_questions(folder, setup.pick(180, 12))
    rows = [*sure, *scrambled(sure)]
    expected = _answers(load_translation(folder, device="cpu", beams=beams), rows)
    for dtype in DTYPES:
        found = _answers(load_translation(folder, device=setup.device, dtype=dtype, beams=beams), rows)
        theirs = _answers(reference(folder, device=setup.device, dtype=dtype, beams=beams), rows)
        figures = {"same answer": _share(expected, found, len(sure)), "HF": _share(expected, theirs, len(sure))}
        figures["in disorder"] = _share(expected, found, -len(sure))
        figures["HF in disorder"] = _share(expected, theirs, -len(sure))
        is_ok = figures["same answer"] >= AGREE[dtype] and figures["in disorder"] >= AGREE_IN_DISORDER[dtype]
        if dtype == "fp32" and not is_ok:
            figures["largest margin"] = largest_margin(Oracle(folder), rows, expected, found, beams)
            is_ok = figures["largest margin"] < TIE
        yield Check(name=f"translation {dtype}, {beams} beam(s)", is_ok=is_ok, figures=figures)


def _answers(model: Any, rows: Sequence[Row]) -> list[list[int]]:
    return [list(answer) for answer in model.forward(rows)]


def _share(expected: Sequence[Any], found: Sequence[Any], part: int) -> float:
    """Of equal answers among the first `part`, or the last where it is negative."""
    chosen = slice(part, None) if part < 0 else slice(part)
    pairs = list(zip(expected[chosen], found[chosen], strict=True))
    return round(sum(one == other for one, other in pairs) / len(pairs), 4)


def largest_margin(
    oracle: Oracle, rows: Sequence[Row], expected: Sequence[list[int]], found: Sequence[list[int]], beams: int
) -> float:
    """How far apart fp32 on the CPU holds two answers that differ, at most."""
    differ = [three for three in zip(rows, expected, found, strict=True) if three[1] != three[2]]
    return max((oracle.margin(row, other, one, beams=beams) for row, one, other in differ), default=0.0)


def _classification(setup: Setup) -> Iterator[Check]:
    rng = random.Random(0)
    count = setup.pick(256, 24)
    texts = [array("i", rng.choices(range(5, 500), k=rng.randrange(1, 60))) for _ in range(count)]
    folder = DEMO / "classification"
    expected = _scores(load_encoder("classification", folder, device="cpu"), texts)
    for dtype in DTYPES:
        found = _scores(load_encoder("classification", folder, device=setup.device, dtype=dtype), texts)
        apart = (found - expected).abs().max().item()
        same = (found.argmax(dim=1) == expected.argmax(dim=1)).float().mean().item()
        figures = {"same label": round(same, 4), "largest difference": round(apart, 6)}
        yield Check(name=f"classification {dtype}", is_ok=apart <= SCORES[dtype], figures=figures)


def _scores(model: Any, texts: Sequence[array[int]]) -> torch.Tensor:
    return torch.tensor([list(scores) for scores in model.forward(texts)])
