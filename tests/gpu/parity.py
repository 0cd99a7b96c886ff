"""The in-flight engine beside HF `generate` on the card: small random weights, greedy and by beams, in fp32.

Heads are as wide as those of M2M100, so that the same kernels are chosen. Rows join and leave in eight slots or more.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from tests.gpu.answers import TIE, largest_margin
from tests.gpu.parts import Check, Setup
from tests.models import tiny
from tests.models.in_flight import engine_of, load, mixed_rows, outputs, reference, run_all
from tests.models.oracle import Oracle

SHAPE = {
    "d_model": 128,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 256,
    "decoder_ffn_dim": 256,
    "init_std": 0.175,
}
MOST_TIES = 0.05  # share of the rows in which a near-tie may have been resolved otherwise
DECODINGS: Mapping[str, Mapping[str, Any]] = {
    "greedy": {"num_beams": 1},
    "5 beams, stopping early": {"num_beams": 5, "early_stopping": True},
    "5 beams, looking further": {"num_beams": 5, "early_stopping": False},
    "5 beams, to the limit": {"num_beams": 5, "early_stopping": "never"},
    "5 beams that like it long": {"num_beams": 5, "early_stopping": True, "length_penalty": 2.0},
    "3 beams, no pair twice": {"num_beams": 3, "early_stopping": True, "no_repeat_ngram_size": 2},
}


def run(setup: Setup) -> Iterator[Check]:
    """Each decoding with weights of its own."""
    for seed, (name, decoding) in enumerate(DECODINGS.items()):
        directory = tiny.translation(setup.directory / str(seed), seed=seed, shape=SHAPE, **decoding)
        rows = mixed_rows(random.Random(seed), setup.pick(64, 10), limits=0.5)
        answers = outputs(run_all(engine_of(load(directory, device=setup.device), max_size=8 + 8 * seed), rows))
        found = [answers.get(str(number), []) for number in range(len(rows))]
        expected = [list(answer) for answer in reference(directory, device=setup.device).forward(rows)]
        differ = sum(one != other for one, other in zip(found, expected, strict=True))
        margin = largest_margin(Oracle(directory), rows, expected, found, int(decoding["num_beams"]))
        figures = {"rows": len(rows), "differ": differ, "largest margin": round(margin, 6)}
        yield Check(name=name, is_ok=differ <= MOST_TIES * len(rows) and margin < TIE, figures=figures)
