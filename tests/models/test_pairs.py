"""Rerank and zero-shot: a pair gets in company what transformers gives it alone, whatever its family is."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from batcher.models.contract import InvalidInput
from batcher.models.encoders.padded import Padded
from batcher.models.encoders.unpadded import Unpadded
from batcher.models.errors import ModelSpecError
from tests.models import tiny
from tests.models.pair_families import FAMILIES, NLI, PAIRS, checkpoint
from tests.models.test_pair_parity import served

LABELS = ["bus", "full", "chocolates", "3.5"]
SIGMOID, IDENTITY = "torch.nn.modules.activation.Sigmoid", "torch.nn.modules.linear.Identity"


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    # A third of a second for each model.
    monkeypatch.setattr("batcher.models.encoders.encoder.advise_network", lambda *_: None)


@torch.inference_mode()
def logits_alone(directory: Path, pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
    """Of transformers, one pair at a time."""
    network = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    tokenizer = AutoTokenizer.from_pretrained(directory)
    rows = [network(**tokenizer(*pair, truncation=True, return_tensors="pt")).logits[0] for pair in pairs]
    return torch.stack(rows)


def reranked(directory: Path) -> list[float]:
    codec, model = served(directory, "rerank")
    pieces = [codec.encode(text, {"query": query}).pieces[0] for query, text in PAIRS]
    return [float(score) for (score,) in model.forward([piece.input for piece in pieces])]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_score_is_the_sigmoid_of_the_logit_of_transformers(tmp_path: Path, family: str) -> None:
    directory = checkpoint(tmp_path, family)

    scores = reranked(directory)

    assert scores == pytest.approx(logits_alone(directory, PAIRS)[:, 0].sigmoid().tolist(), abs=1e-5)
    assert max(scores) - min(scores) > 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_labels_have_the_scores_of_the_pipeline(tmp_path: Path, family: str) -> None:
    directory = checkpoint(tmp_path, family, NLI)
    codec, model = served(directory, "zero-shot")
    theirs = pipeline("zero-shot-classification", model=str(directory), tokenizer=str(directory), device="cpu")

    for options in ({}, {"multiLabel": True}, {"template": "it's {}!"}):
        for _, text in PAIRS[::4]:
            asked = {"labels": LABELS, "topK": 4, **options}
            plan = codec.encode(text, asked)
            ours = codec.decode(plan, model.forward([piece.input for piece in plan.pieces]))["labels"]
            expected = theirs(
                text,
                LABELS,
                multi_label="multiLabel" in options,
                hypothesis_template=options.get("template", "This example is {}."),
            )
            assert {one["label"]: one["score"] for one in ours} == pytest.approx(
                dict(zip(expected["labels"], expected["scores"], strict=True)), abs=1e-5
            )


def test_a_label_alone_has_the_score_of_the_pipeline(tmp_path: Path) -> None:
    directory = checkpoint(tmp_path, "bert", NLI)
    codec, model = served(directory, "zero-shot")
    theirs = pipeline("zero-shot-classification", model=str(directory), tokenizer=str(directory), device="cpu")

    plan = codec.encode("the bus", {"labels": ["full"]})
    answer = codec.decode(plan, model.forward([piece.input for piece in plan.pieces]))

    assert answer["score"] == pytest.approx(theirs("the bus", ["full"])["scores"][0], abs=1e-5)


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param({0: "entailment", 1: "not_entailment"}, id="two labels"),
        pytest.param({0: "ENTAILMENT", 1: "NEUTRAL", 2: "CONTRADICTION"}, id="entailment first"),
        pytest.param({0: "no", 1: "entails", 2: "perhaps"}, id="entailment between"),
    ],
)
def test_entailment_is_found_where_the_pipeline_finds_it(tmp_path: Path, labels: dict[int, str]) -> None:
    directory = checkpoint(tmp_path, "bert", labels)
    codec, model = served(directory, "zero-shot")
    theirs = pipeline("zero-shot-classification", model=str(directory), tokenizer=str(directory), device="cpu")

    plan = codec.encode("the bus", {"labels": ["full"], "multiLabel": True})
    answer = codec.decode(plan, model.forward([piece.input for piece in plan.pieces]))

    assert answer["score"] == pytest.approx(theirs("the bus", ["full"], multi_label=True)["scores"][0], abs=1e-5)


@pytest.mark.parametrize("made_of", [Padded, Unpadded])
@torch.inference_mode()
def test_token_types_count_with_padding_and_without(tmp_path: Path, made_of: Any) -> None:
    directory = checkpoint(tmp_path, "bert")
    codec, _ = served(directory, "rerank")
    inputs = [codec.encode(text, {"query": query}).pieces[0].input for query, text in PAIRS]
    network = AutoModelForSequenceClassification.from_pretrained(directory).eval()

    logits = made_of(network, "fp32").logits([input["ids"] for input in inputs], [input["second"] for input in inputs])

    assert torch.allclose(logits, logits_alone(directory, PAIRS), atol=1e-5)


def test_token_types_are_not_idle(tmp_path: Path) -> None:
    codec, model = served(checkpoint(tmp_path, "bert"), "rerank")
    (piece,) = codec.encode("the bus", {"query": "full"}).pieces

    typed, untyped = model.forward([piece.input, piece.input["ids"]])

    assert abs(typed[0] - untyped[0]) > 1e-4


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("config.json", {"sentence_transformers": {"activation_fn": IDENTITY, "version": "4.1.0"}}),
        ("config.json", {"sbert_ce_default_activation_function": IDENTITY}),
        ("config.json", {"sentence_transformers": {"activation_fn": "torch.nn.Identity"}}),
    ],
)
def test_a_checkpoint_may_name_another_activation(tmp_path: Path, file: str, said: dict[str, Any]) -> None:
    directory = saying(checkpoint(tmp_path, "bert"), file, said)

    assert reranked(directory) == pytest.approx(logits_alone(directory, PAIRS)[:, 0].tolist(), abs=1e-5)


def test_an_activation_that_is_not_served_is_refused(tmp_path: Path) -> None:
    directory = saying(
        checkpoint(tmp_path, "bert"), "config.json", {"sentence_transformers": {"activation_fn": "my.F"}}
    )

    with pytest.raises(ModelSpecError, match=r"asks for the activation my\.F"):
        served(directory, "rerank")


@pytest.fixture
def library(tmp_path: Path) -> Any:
    """The class of sentence-transformers, and a directory that it has saved."""
    cross_encoder = pytest.importorskip("sentence_transformers").CrossEncoder
    directory = checkpoint(tmp_path / "plain", "bert")
    cross_encoder(str(directory), device="cpu").save_pretrained(str(tmp_path / "saved"))
    return cross_encoder, tmp_path / "saved"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("config_sentence_transformers.json", {}),
        ("config_sentence_transformers.json", {"activation_fn": IDENTITY}),
        ("sentence_bert_config.json", {"max_seq_length": 20}),
    ],
    ids=str,
)
def test_a_directory_of_sentence_transformers_scores_as_its_cross_encoder(
    library: Any, file: str, said: dict[str, Any]
) -> None:
    cross_encoder, directory = library
    saying(directory, file, said)

    expected = cross_encoder(str(directory), device="cpu").predict(PAIRS, show_progress_bar=False)

    assert reranked(directory) == pytest.approx([float(score) for score in expected], abs=1e-5)


@pytest.mark.parametrize(
    ("file", "said", "why"),
    [
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}, "puts a prompt before its texts"),
        ("sentence_bert_config.json", {"transformer_task": "text-generation"}, "transformer_task text-generation"),
        ("sentence_bert_config.json", {"novelty": 1}, "has a Transformer with novelty"),
        ("tokenizer_config.json", {"chat_template": "{{ messages }}"}, "has a chat template"),
    ],
)
def test_a_setting_that_would_change_a_score_is_refused_by_name(
    library: Any, file: str, said: dict[str, Any], why: str
) -> None:
    _, directory = library
    saying(directory, file, said)

    with pytest.raises(ModelSpecError, match=why):
        served(directory, "rerank")


def test_further_modules_are_refused_by_name(library: Any) -> None:
    _, directory = library
    modules = json.loads((directory / "modules.json").read_text())
    (directory / "modules.json").write_text(json.dumps([*modules, {"path": "1", "type": "x.LogitScore"}]))

    with pytest.raises(ModelSpecError, match=r"x\.LogitScore, where only a Transformer"):
        served(directory, "rerank")


@pytest.mark.parametrize(
    ("kind", "labels", "why"),
    [
        ("rerank", {0: "a", 1: "b"}, "has 2 labels; a reranker has one"),
        ("zero-shot", {0: "a", 1: "b"}, "has the labels a, b: a zero-shot classifier is trained to tell what follows"),
        ("zero-shot", {0: "entailment"}, "has the labels entailment: a zero-shot"),
    ],
)
def test_a_classifier_of_something_else_is_refused_in_one_line(
    tmp_path: Path, kind: str, labels: dict[int, str], why: str
) -> None:
    directory = checkpoint(tmp_path, "bert", labels)

    with pytest.raises(ModelSpecError, match=why) as refused:
        served(directory, kind)

    assert "\n" not in str(refused.value)


def test_a_network_with_one_token_type_is_no_match_for_a_tokenizer_with_two(tmp_path: Path) -> None:
    directory = checkpoint(tmp_path, "bert", type_vocab_size=1)

    with pytest.raises(ModelSpecError, match="gives two token types, its network knows 1"):
        served(directory, "rerank")


@pytest.mark.parametrize(
    ("input", "why"),
    [
        ({"ids": array("i", [2, 5, 3]), "second": 4}, "begins outside of the row"),
        ({"ids": array("i", [2, 5, 3]), "second": "1"}, "begins outside of the row"),
        ({"second": 1}, "this model takes token ids"),
        ("text", "this model takes token ids"),
    ],
)
def test_what_is_no_pair_is_invalid_input(tmp_path: Path, input: Any, why: str) -> None:
    _, model = served(checkpoint(tmp_path, "bert"), "rerank")

    with pytest.raises(InvalidInput, match=why):
        model.forward([input])


@pytest.mark.parametrize("kind", ["rerank", "zero-shot"])
def test_it_tells_the_front_ends_all_that_they_need(tmp_path: Path, kind: str) -> None:
    directory = checkpoint(tmp_path, "bert", None if kind == "rerank" else NLI)

    _, model = served(directory, kind)

    assert (model.about.task, model.about.codec, model.about.max_cost) == (kind, kind, 40)
    assert model.about.options["token_types"] is True
    model.warm_up()


def test_the_dtype_is_part_of_the_revision_and_the_long_text_is_not(tmp_path: Path) -> None:
    directory = checkpoint(tmp_path, "bert")
    revisions = [
        tiny.load_encoder("rerank", directory, **settings).about.revision
        for settings in ({}, {"dtype": "bf16"}, {"long_text": "truncate"})
    ]

    assert revisions[0] != revisions[1] and revisions[0] == revisions[2]


def saying(directory: Path, file: str, said: dict[str, Any]) -> Path:
    path = directory / file
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(before | said))
    return directory
