"""Tokens a second of the 418M shape beside HF `generate`, and what part of the card's bandwidth a decode step reaches.

A step must read every weight that it multiplies with once, and the keys and values of each row's text and past. By the
card's measured bandwidth that takes a time, below which no step can be; `share` is that time by the step's own.
"""

from __future__ import annotations

import random
import time
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import M2M100ForConditionalGeneration

from batcher.models.layers.tensors import DTYPES
from batcher.models.settings import ModelSettings
from batcher.models.spec import load_model, parse_spec
from benchmarks.translation.ceiling import products
from benchmarks.translation.engines import admit, engine_of, jobs
from benchmarks.translation.sentences import Sentence
from benchmarks.translation.weights import END, SIZES, SPECIALS, Size, checkpoint
from tests.gpu.card import bandwidth
from tests.gpu.parts import Check, Setup

SOURCE, LENGTH = 30, 64  # tokens of a text and of its answer
ROWS, TINY_ROWS = (1, 32, 128, 256), (1, 4)
LEAST_LEFT = 20.0  # seconds, for another dtype


def run(setup: Setup) -> Iterator[Check]:
    """Each dtype with each number of rows; ours and HF's in turn."""
    name = "tiny" if setup.is_tiny else "418m"
    started = time.perf_counter()
    directory, size, copied = checkpoint(name, setup.directory), SIZES[name], bandwidth(setup)
    figures = {"seconds": round(time.perf_counter() - started, 1), "bandwidth GB/s": round(copied / 1e9, 1)}
    yield Check(name=f"random checkpoint of the {name} shape", is_ok=True, figures=figures)
    for dtype in ("fp16", "bf16"):
        if setup.time_left < (0 if setup.is_tiny else LEAST_LEFT):
            yield Check(name=f"{dtype}: no time left", is_ok=True)
            return
        yield from _of_dtype(setup, directory, size, dtype, copied)


def _of_dtype(setup: Setup, directory: Path, size: Size, dtype: str, copied: float) -> Iterator[Check]:
    options = f"dtype={dtype},beams=1,guard=off,device={setup.device}"
    model = load_model(parse_spec(f"translation:{directory},{options}"), ModelSettings())
    model.warm_up()
    theirs: Any = M2M100ForConditionalGeneration.from_pretrained(directory, dtype=DTYPES[dtype], use_safetensors=True)
    theirs = theirs.to(setup.device).eval()
    theirs.generation_config.max_length = None  # each call says its own, and is not warned that it does
    for rows in TINY_ROWS if setup.is_tiny else ROWS:
        sentences = _sentences(size, rows)
        ours, step = _ours(setup, model, sentences)
        hf = _hf(setup, theirs, sentences)
        needed = bytes_of_step(size, rows, DTYPES[dtype].itemsize)
        figures = {
            "dtype": dtype,
            "rows": rows,
            "tokens/s": round(ours),
            "HF tokens/s": round(hf),
            "times HF": round(ours / hf, 2),
            "step ms": round(1000 * step, 3),
            "step reads MB": round(needed / 1e6, 1),
            "share of bandwidth": round(needed / step / copied, 4),
        }
        yield Check(name=f"{dtype}, {rows} row(s)", is_ok=True, figures=figures)


def bytes_of_step(size: Size, rows: int, bytes_each: int) -> int:
    """What one decode step must read, in the middle of the answers: weights, and keys and values of all rows."""
    weights = sum(out * wide for out, wide in products(size))
    tokens = rows * (SOURCE + LENGTH // 2)
    return bytes_each * (weights + 2 * size.layers * size.width * tokens)


def _ours(setup: Setup, model: Any, sentences: Sequence[Sentence]) -> tuple[float, float]:
    """(tokens a second, encoding and all; the median of seconds of a step that decodes every row and encodes none)."""
    _run(setup, model, sentences[:2])
    seconds, steps = _run(setup, model, sentences)
    return LENGTH * len(sentences) / seconds, median(steps)


def _run(setup: Setup, model: Any, sentences: Sequence[Sentence]) -> tuple[float, list[float]]:
    engine, waiting, left, steps = engine_of(model, len(sentences)), deque(jobs(sentences)), len(sentences), []
    setup.wait()
    started = time.perf_counter()
    while left:
        admit(engine, waiting)
        begun = time.perf_counter()
        done = engine.step()
        if engine.last.tokens == len(sentences):
            steps.append(time.perf_counter() - begun)
        left -= len(done)
        if wrong := [one.failure for one in done if one.failure is not None]:
            raise RuntimeError(f"{len(wrong)} rows failed: {wrong[0].message}")
    setup.wait()
    return time.perf_counter() - started, steps


@torch.inference_mode()
def _hf(setup: Setup, network: Any, sentences: Sequence[Sentence]) -> float:
    """Tokens a second of `generate`, all rows together; texts are of one length, so nothing is padded."""
    source = torch.tensor([list(one.source) for one in sentences], device=setup.device)
    start = torch.tensor([[END, one.target] for one in sentences], device=setup.device)
    how = {"attention_mask": torch.ones_like(source), "decoder_input_ids": start, "do_sample": False, "num_beams": 1}
    network.generate(source, **how, max_new_tokens=4)
    setup.wait()
    started = time.perf_counter()
    answers = network.generate(source, **how, max_new_tokens=LENGTH)
    setup.wait()
    seconds = time.perf_counter() - started
    if answers.shape[1] != LENGTH + 2:
        raise RuntimeError(f"HF gave {answers.shape[1] - 2} tokens, not {LENGTH}")
    return LENGTH * len(sentences) / seconds


def _sentences(size: Size, rows: int) -> list[Sentence]:
    rng = random.Random(rows)
    languages = range(size.pieces, size.pieces + 100)
    return [
        Sentence(
            source=array("i", [languages[0], *rng.choices(range(len(SPECIALS), size.pieces), k=SOURCE - 2), END]),
            target=rng.choice(languages),
            length=LENGTH,
        )
        for _ in range(rows)
    ]
