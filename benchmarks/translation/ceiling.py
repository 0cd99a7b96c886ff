"""How near the decode step comes to its matrix products alone, on one thread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch.nn import functional

from batcher.engines.engine import Engine
from batcher.models.layers.linear import Linear, pack
from batcher.models.layers.tensors import DTYPES
from benchmarks.translation.engines import admit, engine_of, jobs, load
from benchmarks.translation.sentences import LONGEST, sentences
from benchmarks.translation.weights import Size

ROWS = 64
STEPS = 16  # that are timed, of each engine
LEAD = 8  # steps before: rows have something to look back upon
LEAST = 0.5  # seconds that a pass is repeated for, and five times at least


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEfficiency:
    """Of one dtype. `share`: the time of the matrix products alone, divided by the time of the step."""

    dtype: str
    ceiling: float  # GFLOP/s of all the step's matrix products one after the other, packed or plain: the better
    ways: dict[str, float]  # the same for packed and for plain
    step: float  # seconds, the median
    achieved: float  # GFLOP/s of the products, by the time of the whole step
    share: float


def step_efficiency(checkpoint: Path, size: Size, dtype: str) -> StepEfficiency:
    """Every row in flight, none joining or leaving."""
    gflop = 2 * ROWS * sum(out * wide for out, wide in products(size)) / 1e9
    step = median(_steps(engine_of(load(checkpoint, dtype=dtype), ROWS), size))
    ways = {name: gflop / _pass(layers, size, dtype) for name, layers in _ways(size, dtype)}
    ceiling = max(ways.values())
    return StepEfficiency(
        dtype=dtype, ceiling=ceiling, ways=ways, step=step, achieved=gflop / step, share=gflop / step / ceiling
    )


def products(size: Size) -> Iterator[tuple[int, int]]:
    """(out, in) of every weight that a decode step multiplies with, in order; keys and values of the source are made
    when a row joins, so they are none of it."""
    width = size.width
    for _ in range(size.layers):
        yield 3 * width, width  # query, key and value of the row
        yield width, width
        yield width, width  # query to the source
        yield width, width
        yield size.ffn, width
        yield width, size.ffn
    yield size.vocabulary, width


def _steps(engine: Engine, size: Size) -> list[float]:
    """Seconds of the processor for each step."""
    alike = [one for one in sentences(40 * ROWS, size, seed=3) if one.length == LONGEST][:ROWS]
    waiting = deque(jobs(alike))
    while waiting:
        admit(engine, waiting)
        engine.step()
    for _ in range(LEAD):
        engine.step()
    return [_seconds(engine.step) for _ in range(STEPS)]


def _ways(size: Size, dtype: str) -> Iterator[tuple[str, list[Linear]]]:
    """A layer for every product, each with weights of its own: they come from memory as they do in the model."""
    made = DTYPES[dtype]
    weights = [torch.randn(shape, dtype=made) for shape in products(size)]
    yield "packed", [pack(weight, torch.zeros(len(weight), dtype=made), dtype) for weight in weights]
    if dtype != "int8":
        yield "plain", [_plain(weight) for weight in weights]


def _plain(weight: torch.Tensor) -> Linear:
    bias = torch.zeros(len(weight), dtype=weight.dtype)
    return lambda x: functional.linear(x, weight, bias)


@torch.inference_mode()
def _pass(layers: Sequence[Linear], size: Size, dtype: str) -> float:
    """Seconds for all of them once, the median."""
    inputs = {wide: torch.randn(ROWS, wide, dtype=DTYPES[dtype]) for _, wide in products(size)}
    calls = [(layer, inputs[wide]) for layer, (_, wide) in zip(layers, products(size), strict=True)]

    def once() -> None:
        for layer, x in calls:
            layer(x)

    once()
    found = [_seconds(once)]
    while sum(found) < LEAST or len(found) < 5:
        found.append(_seconds(once))
    return median(found)


def _seconds(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started
