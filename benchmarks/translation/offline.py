"""Sentences that are all known beforehand: the tokens a second of each engine, on one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.translation.ctranslate2 import CTranslate2
from benchmarks.translation.engines import (
    FEW,
    FULL,
    Contender,
    Rates,
    engine_of,
    in_flight,
    load,
    name_of,
    rates,
    static,
)
from benchmarks.translation.sentences import Sentence, longest_first, sentences
from benchmarks.translation.weights import Size

SEED = 19
LONG_ROUND = 30.0  # seconds; an engine whose round takes longer is measured once


def measure(
    checkpoint: Path,
    converted: Path,
    size: Size,
    *,
    count: int,
    alone: int,
    rounds: int,
    say: Callable[[str], None],
) -> Rates:
    """`count` sentences in full batches, half of them in small ones, `alone` one after the other."""
    everything = sentences(max(count, alone), size, SEED)
    full, few = longest_first(everything[:count]), longest_first(everything[: count // 2])
    theirs = _theirs(checkpoint, converted, full, few, everything[:alone])
    return rates([*theirs, *_ours(checkpoint, full, few)], rounds, LONG_ROUND, say)


def _theirs(
    checkpoint: Path, converted: Path, full: Sequence[Sentence], few: Sequence[Sentence], alone: Sequence[Sentence]
) -> list[Contender]:
    generate = load(checkpoint, engine="reference").forward
    fp32, int8 = (CTranslate2(converted, dtype).forward for dtype in ("fp32", "int8"))
    return [
        Contender(name=name_of("hf", "fp32", FULL), translate=static(generate, FULL), sentences=full),
        Contender(name=name_of("hf", "fp32", 1), translate=static(generate, 1), sentences=alone),
        Contender(name=name_of("ctranslate2", "fp32", FULL), translate=static(fp32, FULL), sentences=full),
        Contender(name=name_of("ctranslate2", "int8", FULL), translate=static(int8, FULL), sentences=full),
        Contender(name=name_of("ctranslate2", "int8", FEW), translate=static(int8, FEW), sentences=few),
    ]


def _ours(checkpoint: Path, full: Sequence[Sentence], few: Sequence[Sentence]) -> list[Contender]:
    found = []
    for dtype, sizes in {"fp32": (FULL,), "int8": (FULL, FEW), "bf16": (FULL, FEW)}.items():
        model = load(checkpoint, dtype=dtype)
        for rows in sizes:
            translate, given = in_flight(engine_of(model, rows)), full if rows == FULL else few
            found.append(Contender(name=name_of("jitney", dtype, rows), translate=translate, sentences=given))
    return found
