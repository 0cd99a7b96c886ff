"""Pairs are encoded as transformers encodes them, one by one: frame, separators, token types, and what is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from batcher.models.settings import ModelSettings
from batcher.models.spec import load_model, parse_spec
from broker.messages import ModelCard
from server.codecs.pairs.rerank import RerankCodec
from server.codecs.pairs.zero_shot import ZeroShotCodec
from tests.models import pair_families


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    # A third of a second for each model.
    monkeypatch.setattr("batcher.models.encoders.encoder.advise_network", lambda *_: None)


def served(directory: Path, kind: str) -> Any:
    """The codec of a front end that has learnt of this model, and the model."""
    model = load_model(parse_spec(f"{kind}:{directory},name=pairs"), ModelSettings(device="cpu"))
    about = model.about
    card = ModelCard(
        name="pairs",
        task=about.task,
        codec=about.codec,
        revision=about.revision,
        max_cost=about.max_cost,
        options=dict(about.options),
    )
    return {"rerank": RerankCodec, "zero-shot": ZeroShotCodec}[kind](card, dict(about.files)), model


def as_transformers(piece: Any, has_types: bool) -> dict[str, list[int]]:
    input = piece.input
    ids, second = (input["ids"], input["second"]) if isinstance(input, dict) else (input, len(input))
    types = {"token_type_ids": [int(place >= second) for place in range(len(ids))]} if has_types else {}
    return {"input_ids": ids.tolist(), **types}


@pytest.fixture(
    scope="module", params=[(family, side) for family in pair_families.FAMILIES for side in ("right", "left")]
)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    family, side = request.param
    directory = pair_families.checkpoint(tmp_path_factory.mktemp(family), family, pair_families.NLI)
    tokenizer = AutoTokenizer.from_pretrained(directory, truncation_side=side)
    tokenizer.save_pretrained(directory)
    return directory


def encoded(tokenizer: Any, first: str, second: str, strategy: Any) -> dict[str, list[int]]:
    said = tokenizer(first, second, truncation=strategy)
    return {name: said[name] for name in ("input_ids", "token_type_ids") if name in said}


def test_a_query_and_a_text_are_cut_longest_first(checkpoint: Path) -> None:
    directory = one_label(checkpoint)
    codec, _ = served(directory, "rerank")
    tokenizer = AutoTokenizer.from_pretrained(directory)

    for query, text in [*pair_families.PAIRS, *((text, query) for query, text in pair_families.PAIRS)]:
        plan = codec.encode(text, {"query": query})
        expected = encoded(tokenizer, query, text, True)
        assert as_transformers(plan.pieces[0], "token_type_ids" in expected) == expected, (query, text)
        whole = tokenizer(query, text, truncation=False)["input_ids"]
        assert plan.memo == (len(whole) > pair_families.LONGEST)


def test_a_text_is_cut_and_never_a_label(checkpoint: Path) -> None:
    codec, _ = served(checkpoint, "zero-shot")
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    labels = ["bus", "it's full"]

    for _, text in pair_families.PAIRS:
        plan = codec.encode(text, {"labels": labels, "template": "it is {}"})
        for label, piece in zip(labels, plan.pieces, strict=True):
            expected = encoded(tokenizer, text, f"it is {label}", "only_first")
            assert as_transformers(piece, "token_type_ids" in expected) == expected, (text, label)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_long_texts_are_cut_as_if_they_had_been_read_to_their_ends(tmp_path: Path, family: str) -> None:
    codec, _ = served(pair_families.checkpoint(tmp_path, family), "rerank")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    query, text = pair_families.text(1, 30), pair_families.text(2, 5_000)

    plan = codec.encode(text, {"query": query})

    expected = encoded(tokenizer, query, text, True)
    assert as_transformers(plan.pieces[0], "token_type_ids" in expected) == expected


def one_label(directory: Path) -> Path:
    """The same tokenizer with a head of one score."""
    family = AutoTokenizer.from_pretrained(directory)
    made = pair_families.checkpoint(directory / "one", pair_families.family_of(directory))
    family.save_pretrained(made)
    return made
