"""Sentence embeddings without padding, in fp32, bf16 and int8, against transformers on sentences sorted by length.

    python -m benchmarks encoders [--model DIRECTORY] [--sentences 2000] [--batch 64] [--rounds 2]

One thread, the same sentences (3 to 60 words) and batches for every way, in turns, batch by batch:
    before                 transformers' network in fp32, each batch padded to its longest sentence
    fp32, bf16, int8       ours
Then how near the answers in bf16 and int8 are to those in fp32, here and for the committed classifier of moods.
"""

from __future__ import annotations

import json
import random
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from transformers import AutoModel

from batcher.models.encoders.padded import Padded
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from benchmarks.encoders.sentences import batches, ids, sentence_parser, sentences
from benchmarks.lib.machine import describe, instructions
from demo.messages import SEED, Message, handwritten_messages, template_messages

DTYPES = ("fp32", "bf16", "int8")
BEFORE = "before"
CLASSIFIER = Path(__file__).parents[2] / "demo" / "classification"

Batch = Sequence["array[int]"]
Way = Callable[[Batch], object]


def main(arguments: Sequence[str]) -> int:
    """Prints the tables, then the figures as JSON."""
    asked = sentence_parser("encoders", __doc__, rounds=2).parse_args(arguments)
    torch.set_num_threads(1)
    print(json.dumps(measure(asked.model, asked.sentences, asked.batch, asked.rounds), indent=1))
    return 0


def measure(directory: str, count: int = 2000, batch: int = 64, rounds: int = 2) -> dict[str, object]:
    """Prints the tables; rates (sentences a second), their ratios, and agreements, with the machine they come from."""
    models = _models("embedding", directory)
    rows = sentences(models["fp32"], count, random.Random(9527))
    ways: dict[str, Way] = {BEFORE: _before(directory), **{dtype: model.forward for dtype, model in models.items()}}
    rates = [_round(ways, batches(sorted(rows, key=len), batch)) for _ in range(rounds)]
    ratios = [{name: rate / found[BEFORE] for name, rate in found.items()} for found in rates]
    for number, (found, relative) in enumerate(zip(rates, ratios, strict=True), 1):
        print(f"round {number}: " + "  ".join(f"{name} {found[name]:.1f}/s ({relative[name]:.2f}x)" for name in ways))
    return {
        "machine": {**describe("torch", "transformers"), "instructions": instructions()},
        "sentences": count,
        "tokens": sum(map(len, rows)),
        "rates": rates,
        "ratios": ratios,
        "cosine_to_fp32": _cosines(models, rows[:500]),
        "classification": _moods(),
    }


def _round(ways: Mapping[str, Way], batches: Sequence[Batch]) -> dict[str, float]:
    """Sentences a second, of this thread's own time: whatever else runs on the machine then counts least."""
    seconds = dict.fromkeys(ways, 0.0)
    for batch in batches:
        for name, compute in ways.items():
            started = time.thread_time()
            compute(batch)
            seconds[name] += time.thread_time() - started
    return {name: sum(map(len, batches)) / took for name, took in seconds.items()}


def _before(directory: str) -> Way:
    network = Padded(AutoModel.from_pretrained(directory, local_files_only=True).eval(), "fp32")

    @torch.inference_mode()
    def compute(batch: Batch) -> list[torch.Tensor]:
        return [torch.nn.functional.normalize(states.mean(dim=0), dim=0) for states in network.states(batch)]

    return compute


def _cosines(models: Mapping[str, LoadedModel], rows: Batch) -> dict[str, dict[str, float]]:
    vectors = {dtype: torch.tensor(model.forward(rows)) for dtype, model in models.items()}
    near = {dtype: (vectors[dtype] * vectors["fp32"]).sum(dim=1) for dtype in DTYPES[1:]}
    for dtype, cosines in near.items():
        print(f"{dtype}: cosine to fp32 {cosines.mean():.5f} in the mean, {cosines.min():.5f} at worst")
    return {dtype: {"mean": cosines.mean().item(), "worst": cosines.min().item()} for dtype, cosines in near.items()}


def _moods() -> dict[str, dict[str, float]]:
    """Of the committed classifier: how often it is right, and how often it says what it says in fp32."""
    models = _models("classification", str(CLASSIFIER))
    sets = {"held_out": template_messages(SEED)[1], "handwritten": handwritten_messages()}
    labels = {(dtype, name): _labels(models[dtype], messages) for dtype in DTYPES for name, messages in sets.items()}
    figures: dict[str, dict[str, float]] = {dtype: {} for dtype in DTYPES}
    for (dtype, name), found in labels.items():
        figures[dtype][f"{name}_accuracy"] = _share([message.label for message in sets[name]], found)
        figures[dtype][f"{name}_as_fp32"] = _share(labels["fp32", name], found)
    for dtype, shares in figures.items():
        print(f"{dtype}: moods " + "  ".join(f"{name} {share:.4f}" for name, share in shares.items()))
    return figures


def _labels(model: LoadedModel, messages: Sequence[Message]) -> list[str]:
    rows = ids(model, [message.text for message in messages])
    scores = torch.tensor([row for batch in batches(rows, 64) for row in model.forward(batch)])
    return [model.about.labels[number] for number in scores.argmax(dim=1)]


def _share(right: Sequence[str], found: Sequence[str]) -> float:
    return sum(one == other for one, other in zip(right, found, strict=True)) / len(right)


def _models(kind: str, directory: str) -> dict[str, LoadedModel]:
    settings = ModelSettings(device="cpu", threads=1)
    specs = {dtype: f"{kind}:{directory},name=encoders,dtype={dtype}" for dtype in DTYPES}
    models = {dtype: load_model(parse_spec(spec), settings) for dtype, spec in specs.items()}
    for model in models.values():
        model.warm_up()
    return models
