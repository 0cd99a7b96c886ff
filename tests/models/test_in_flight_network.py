"""In flight, the network: token by token and side by side it computes what HF's computes for each text alone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import M2M100ForConditionalGeneration

from batcher.models.translation.kv_cache import KVCache
from batcher.models.translation.network import Network
from tests.models import tiny
from tests.models.in_flight import DEMO, Row, demo_rows, load, mixed_rows, reference
from tests.models.oracle import END, PADDING

ROWS = 12
SHAPES: list[Any] = [
    pytest.param({}, id="as usual"),
    pytest.param({"encoder_attention_heads": 2, "decoder_attention_heads": 8}, id="other heads in the encoder"),
    pytest.param({"encoder_layers": 1, "decoder_layers": 3, "decoder_ffn_dim": 96}, id="other layers in the decoder"),
    pytest.param({"scale_embedding": False}, id="embeddings as they are"),
]


def teacher_forced(network: Network, rows: list[Row], answers: list[list[int]]) -> list[torch.Tensor]:
    """For each row [tokens, vocabulary]: the logits after the start, the language and each token of its answer."""
    cache = KVCache(network.shape, network.dtype, network.device, beams=1, longest_source=64, longest=64)
    for source in network.encode([row["source"] for row in rows]):
        cache.join(source, END)
    said = [[row["target"], *answer] for row, answer in zip(rows, answers, strict=True)]
    logits: list[list[torch.Tensor]] = [[] for _ in rows]
    for step in range(1 + max(map(len, said))):
        for row, one in enumerate(network.logits(network.decode([cache.begin_step()]))):
            logits[row].append(one)
        following = [tokens[step] if step < len(tokens) else PADDING for tokens in said]
        cache.end_step(torch.tensor(following), None)
    return [torch.stack(row)[: 1 + len(tokens)] for row, tokens in zip(logits, said, strict=True)]


def hf_logits(hf: Any, row: Row, answer: list[int]) -> torch.Tensor:
    logits: torch.Tensor = hf(
        input_ids=torch.tensor([row["source"].tolist()]),
        decoder_input_ids=torch.tensor([[END, row["target"], *answer]]),
    ).logits[0]
    return logits


@torch.inference_mode()
def compare(directory: Path, rows: list[Row]) -> None:
    answers = [list(answer) for answer in reference(directory).forward(rows)]
    hf = M2M100ForConditionalGeneration.from_pretrained(directory, dtype=torch.float32).eval()
    network = Network(hf.state_dict(), hf.config, "fp32")

    found = teacher_forced(network, rows, answers)

    for row, answer, logits in zip(rows, answers, found, strict=True):
        torch.testing.assert_close(logits, hf_logits(hf, row, answer), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_along_the_tokens_of_generate_the_logits_are_those_of_hf(tmp_path: Path, shape: dict[str, Any]) -> None:
    compare(tiny.translation(tmp_path, seed=4, shape=shape), mixed_rows(random.Random(4), ROWS))


@pytest.mark.skipif(not (DEMO / "config.json").is_file(), reason="the demo's weights are not there")
def test_so_they_are_on_the_demo_checkpoint() -> None:
    compare(DEMO, demo_rows(load(DEMO), random.Random(4), ROWS))


@torch.inference_mode()
def test_padding_inside_a_text_is_placed_as_hf_places_it(tmp_path: Path) -> None:
    rows = mixed_rows(random.Random(4), 3)
    for row in rows:
        row["source"].insert(1, PADDING)

    compare(tiny.translation(tmp_path, seed=4), rows)
