"""Classification: in a padded batch every text has the scores it has alone."""

from __future__ import annotations

import json
import random
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from batcher.engines.batch import BatchEngine
from batcher.models.contract import InvalidInput, OutOfMemory
from batcher.models.errors import ModelSpecError
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from broker.messages import Job
from tests.models import tiny


def load(directory: Path, **settings: Any) -> LoadedModel:
    return load_model(parse_spec(f"classification:{directory}"), ModelSettings(**settings))


def texts(seed: int, count: int = 12) -> list[array[int]]:
    """Ids of [CLS] words… [SEP]."""
    rng = random.Random(seed)
    return [array("i", [2, *(rng.randrange(4, 64) for _ in range(rng.randrange(1, 40))), 3]) for _ in range(count)]


@torch.inference_mode()
def logits_alone(directory: Path, ids: Sequence[int]) -> torch.Tensor:
    network = AutoModelForSequenceClassification.from_pretrained(directory, use_safetensors=True).eval()
    return network(input_ids=torch.tensor([list(ids)])).logits[0]


@pytest.mark.parametrize("roberta", [False, True], ids=["bert", "roberta"])
def test_a_batch_scores_each_text_as_alone(tmp_path: Path, roberta: bool) -> None:
    directory = tiny.classifier(tmp_path, seed=3, roberta=roberta)
    rows = texts(seed=1)

    scores = load(directory).forward(rows)

    for row, got in zip(rows, scores, strict=True):
        assert list(got) == pytest.approx(logits_alone(directory, row).softmax(-1).tolist(), abs=1e-5)


def test_labels_that_exclude_each_other_share_one_probability(tmp_path: Path) -> None:
    (scores,) = load(tiny.classifier(tmp_path, labels=4)).forward(texts(seed=1, count=1))

    assert sum(scores) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("labels", "problem", "function"),
    [
        pytest.param(3, "multi_label_classification", torch.sigmoid, id="each label for itself"),
        pytest.param(1, None, torch.sigmoid, id="a single label"),
        pytest.param(3, None, lambda logits: logits.softmax(-1), id="one of several"),
        pytest.param(1, "regression", lambda logits: logits, id="a number"),
    ],
)
def test_scores_are_what_the_config_means(tmp_path: Path, labels: int, problem: str | None, function: Any) -> None:
    directory = tiny.classifier(tmp_path, labels=labels, problem_type=problem)
    (row,) = texts(seed=2, count=1)

    (scores,) = load(directory).forward([row])

    assert list(scores) == pytest.approx(function(logits_alone(directory, row)).tolist(), abs=1e-5)


def test_it_tells_the_front_ends_all_that_they_need(tmp_path: Path) -> None:
    directory = tiny.classifier(tmp_path, labels=3)

    about = load(directory).about

    assert (about.task, about.codec, about.max_cost) == ("classification", "text", 48)
    assert about.labels == ("label 0", "label 1", "label 2")
    assert json.loads(about.files["tokenizer.json"]) == json.loads((directory / "tokenizer.json").read_bytes())


def test_roberta_counts_positions_from_its_padding_on(tmp_path: Path) -> None:
    assert load(tiny.classifier(tmp_path, roberta=True)).about.max_cost == 46


def test_a_text_of_the_greatest_length_is_computed(tmp_path: Path) -> None:
    model = load(tiny.classifier(tmp_path, roberta=True))

    assert len(model.forward([array("i", [5] * model.about.max_cost)])) == 1


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        pytest.param("a text", "token ids", id="text"),
        pytest.param(array("f", [1.0]), "token ids", id="a vector"),
        pytest.param(array("i"), "1 to 48 tokens, not 0", id="empty"),
        pytest.param(array("i", [5] * 49), "1 to 48 tokens, not 49", id="too long"),
        pytest.param(array("i", [64]), "vocabulary", id="foreign id"),
    ],
)
def test_an_impossible_input_is_refused(tmp_path: Path, ids: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        load(tiny.classifier(tmp_path)).forward([ids])


def test_an_impossible_input_fails_alone(tmp_path: Path) -> None:
    engine = BatchEngine(load(tiny.classifier(tmp_path)))
    rows = [*texts(seed=1, count=15), array("i", [64])]

    engine.admit([Job(id=str(n), front_end="f", input=row) for n, row in enumerate(rows)])
    done = engine.step()

    assert [one.job_id for one in done if one.failure] == ["15"]


def test_a_checkpoint_without_a_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelSpecError, match=r"lacks classifier\.bias, so it was not trained"):
        load(tiny.encoder(tmp_path))


def test_an_unknown_architecture_is_refused_in_one_line(tmp_path: Path) -> None:
    directory = tiny.classifier(tmp_path)
    (directory / "config.json").write_text('{"model_type": "abacus"}')

    with pytest.raises(ModelSpecError, match=r"cannot be loaded: [^\n]*abacus[^\n]*$"):
        load(directory)


@pytest.mark.parametrize("device", ["cuda:99", "typewriter"])
def test_a_device_that_is_not_here_is_named(tmp_path: Path, device: str) -> None:
    with pytest.raises(ModelSpecError, match=device):
        load(tiny.classifier(tmp_path), device=device)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
    ids=["card", "CPU"],
)
def test_a_lack_of_memory_is_told_in_the_words_of_the_house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise error

    model = load(tiny.classifier(tmp_path))
    monkeypatch.setattr("batcher.models.encoders.bert.Bert.__call__", full)

    with pytest.raises(OutOfMemory):
        model.forward(texts(seed=1))


def test_smaller_numbers_score_nearly_the_same(tmp_path: Path) -> None:
    directory, rows = tiny.classifier(tmp_path), texts(seed=1)

    full, half = load(directory).forward(rows), load(directory, dtype="bf16").forward(rows)

    assert [list(row) for row in half] == [pytest.approx(list(row), abs=0.1) for row in full]


def test_it_warms_up(tmp_path: Path) -> None:
    load(tiny.classifier(tmp_path)).warm_up()
