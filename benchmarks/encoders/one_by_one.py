"""Pictures, pairs and labels of one's own, in batches, beside transformers that is given one at a time.

    python -m benchmarks one_by_one [--inputs 64] [--batch 32] [--rounds 2]

One thread, from a picture's file or a text to scores, each way in turns. Networks have random weights and sizes that
people serve: ViT-Tiny at 224 pixels, a cross-encoder and an NLI classifier as large as MiniLM-L6. Beside the rates
stands the largest difference between the scores of both.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import torch
import transformers
from PIL import Image
from transformers import (
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    ViTConfig,
    ViTImageProcessorPil,
    pipeline,
)

from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from benchmarks.encoders.sentences import LONGEST, SHORTEST, WORDS, batches, packaged_model
from benchmarks.lib.arguments import above, parser
from benchmarks.lib.machine import describe, instructions
from benchmarks.lib.markdown import table
from broker.messages import ModelCard
from server.codecs import make_codec
from server.codecs.contract import Codec

LABELS = ["travel", "music", "weather", "work"]
NLI = {0: "contradiction", 1: "neutral", 2: "entailment"}
SIDES = (320, 240)  # pixels of a picture
WEIGHTS = {"initializer_range": 0.1}  # so large that scores differ from each other
TINY_VIT = {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768, "num_labels": 1000, **WEIGHTS}
MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536, **WEIGHTS}

Scores = list[list[float]]  # of each input, in the order of the labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """A task: its inputs, and the two ways to their scores."""

    task: str
    inputs: Sequence[Any]
    alone: Callable[[Any], list[float]]
    together: Callable[[Sequence[Any]], Scores]


def main(arguments: Sequence[str]) -> int:
    """Prints a table, and what machine it comes from."""
    command = parser("one_by_one", __doc__)
    command.add_argument("--inputs", type=above(0), default=64, help="of each task [%(default)s]")
    command.add_argument("--batch", type=above(0), default=32, help="inputs in a batch of ours [%(default)s]")
    command.add_argument("--rounds", type=above(0), default=2, help="turns of each way [%(default)s]")
    asked = command.parse_args(arguments)
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with TemporaryDirectory() as directory:
        contests = (make(Path(directory) / make.__name__, asked.inputs) for make in (_pictures, _pairs, _labels))
        rows = [_row(contest, asked.batch, asked.rounds) for contest in contests]
    print("\n".join(table("task|transformers, one by one|ours, in batches|ratio|largest difference", rows)))
    said = describe("torch", "transformers", "pillow") | {"instructions": instructions()}
    print("\n".join(f"{name}: {what}" for name, what in said.items()))
    return 0


def _row(contest: Contest, batch: int, rounds: int) -> list[str]:
    """Rates of each round, of this thread's own time: whatever else runs on the machine then counts least."""
    rates: list[tuple[float, float]] = []
    difference = 0.0
    for _ in range(rounds):
        alone, took = _timed(lambda: [contest.alone(input) for input in contest.inputs])
        cut = batches(contest.inputs, batch)
        together, ours_took = _timed(lambda cut=cut: [row for part in cut for row in contest.together(part)])
        rates.append((len(contest.inputs) / took, len(contest.inputs) / ours_took))
        difference = max(difference, _difference(alone, together))
    shown = [", ".join(f"{rate:.1f}/s" for rate in way) for way in zip(*rates, strict=True)]
    ratio = ", ".join(f"{ours / theirs:.2f}" for theirs, ours in rates)
    return [contest.task, *shown, ratio, f"{difference:.1e}"]


def _timed(compute: Callable[[], Scores]) -> tuple[Scores, float]:
    started = time.thread_time()
    scores = compute()
    return scores, time.thread_time() - started


def _difference(one: Scores, other: Scores) -> float:
    return max(abs(a - b) for left, right in zip(one, other, strict=True) for a, b in zip(left, right, strict=True))


def _pictures(directory: Path, count: int) -> Contest:
    network = AutoModelForImageClassification.from_config(ViTConfig(**TINY_VIT)).eval()
    network.save_pretrained(directory)
    ViTImageProcessorPil().save_pretrained(directory)
    prepare = ViTImageProcessorPil.from_pretrained(directory)

    @torch.inference_mode()
    def alone(file: bytes) -> list[float]:
        picture = Image.open(BytesIO(file)).convert("RGB")
        scores: list[float] = network(**prepare(picture, return_tensors="pt")).logits[0].softmax(dim=-1).tolist()
        return scores

    names = [network.config.id2label[number] for number in range(network.config.num_labels)]
    together = _ours("image-classification", directory, {"topK": len(names)}, names)
    return Contest(task="image-classification", inputs=[_file() for _ in range(count)], alone=alone, together=together)


def _pairs(directory: Path, count: int) -> Contest:
    tokenizer, network = _of_pairs(directory, {0: "LABEL_0"})
    texts = _texts(count + 1)
    query = texts.pop()

    @torch.inference_mode()
    def alone(text: str) -> list[float]:
        encoded = tokenizer(query, text, truncation=True, return_tensors="pt")
        scores: list[float] = network(**encoded).logits[0].sigmoid().tolist()
        return scores

    return Contest(task="rerank", inputs=texts, alone=alone, together=_ours("rerank", directory, {"query": query}))


def _labels(directory: Path, count: int) -> Contest:
    tokenizer, network = _of_pairs(directory, NLI)
    theirs = pipeline("zero-shot-classification", model=network, tokenizer=tokenizer, device="cpu")

    def alone(text: str) -> list[float]:
        found = theirs(text, LABELS)
        by_name: Mapping[str, float] = dict(zip(found["labels"], found["scores"], strict=True))
        return [by_name[label] for label in LABELS]

    together = _ours("zero-shot", directory, {"labels": LABELS, "topK": len(LABELS)}, LABELS)
    return Contest(task=f"zero-shot, {len(LABELS)} labels", inputs=_texts(count), alone=alone, together=together)


def _of_pairs(directory: Path, labels: Mapping[int, str]) -> tuple[Any, Any]:
    """The tokenizer of all-MiniLM-L6-v2, and a network of its size with these labels."""
    tokenizer = AutoTokenizer.from_pretrained(packaged_model(), model_max_length=512)
    numbers = {name: number for number, name in labels.items()}
    config = BertConfig(**MINILM, id2label=dict(labels), label2id=numbers)
    network = AutoModelForSequenceClassification.from_config(config).eval()
    tokenizer.save_pretrained(directory)
    network.save_pretrained(directory)
    return tokenizer, network


def _ours(
    kind: str, directory: Path, options: Mapping[str, Any], names: Sequence[str] = ()
) -> Callable[[Sequence[Any]], Scores]:
    """As a front end and a batcher do it; scores are in the order of `names`, if there are any."""
    model = load_model(parse_spec(f"{kind}:{directory},name=contest"), ModelSettings(device="cpu", threads=1))
    model.warm_up()
    return partial(_together, _codec(model), model, options, names)


def _together(
    codec: Codec, model: LoadedModel, options: Mapping[str, Any], names: Sequence[str], inputs: Sequence[Any]
) -> Scores:
    plans = [codec.encode(input, options) for input in inputs]
    outputs = iter(model.forward([piece.input for plan in plans for piece in plan.pieces]))
    answers = [codec.decode(plan, [next(outputs) for _ in plan.pieces]) for plan in plans]
    return [_in_order(answer, names) for answer in answers]


def _in_order(answer: Mapping[str, Any], names: Sequence[str]) -> list[float]:
    if not names:
        return [answer["score"]]
    by_name = {one["label"]: one["score"] for one in answer["labels"]}
    return [by_name[name] for name in names]


def _codec(model: LoadedModel) -> Codec:
    about = model.about
    card = ModelCard(
        name=model.name,
        task=about.task,
        codec=about.codec,
        revision=about.revision,
        max_cost=about.max_cost,
        labels=about.labels,
        options=about.options,
    )
    # A codec of pictures has its process give large blocks back, which slows a network that shares it; none does.
    with mock.patch("server.codecs.images.codec.return_large_blocks"):
        return make_codec(card, about.files)


def _texts(count: int) -> list[str]:
    rng = random.Random(9527)
    return [" ".join(rng.choices(WORDS, k=rng.randint(SHORTEST, LONGEST))) for _ in range(count)]


def _file() -> bytes:
    """A photo's worth of soft shapes."""
    clouds = [Image.effect_noise((12, 9), 90).resize(SIDES, Image.Resampling.BICUBIC) for _ in range(3)]
    file = BytesIO()
    Image.merge("RGB", clouds).save(file, "JPEG", quality=90)
    return file.getvalue()
