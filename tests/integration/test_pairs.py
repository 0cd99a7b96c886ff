"""Reranking and zero-shot classification behind HTTP: what a client reads is what transformers gives one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.stack import Stack, stack

pytest.importorskip("transformers")
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from tests.models.pair_families import NLI, checkpoint, text

QUERY = "when leaves the bus"
TEXTS = [text(seed, 1 + 7 * seed) for seed in range(9)]
LABELS = ["bus", "chocolates", "full boxes"]


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("pairs")
    return checkpoint(directory / "ranker", "bert"), checkpoint(directory / "nli", "roberta", NLI)


@pytest.fixture(scope="module")
def system(directories: tuple[Path, Path]) -> Iterator[Stack]:
    ranker, nli = directories
    with stack(models=[f"rerank:{ranker}", f"zero-shot:{nli}", "classification:demo/classification"]) as made:
        yield made


def ask(system: Stack, path: str, texts: list[str] = TEXTS, **fields: Any) -> Any:
    records = [{"id": f"r{number}", "text": one} for number, one in enumerate(texts)]
    return system.post(path, {"payload": {"records": records, **fields}})


@torch.inference_mode()
def scores_alone(directory: Path) -> list[float]:
    network = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    tokenizer = AutoTokenizer.from_pretrained(directory)
    rows = [network(**tokenizer(QUERY, one, truncation=True, return_tensors="pt")).logits[0, 0] for one in TEXTS]
    return [float(row.sigmoid()) for row in rows]


@pytest.mark.parametrize("path", ["/rerank", "/models/ranker"])
def test_texts_come_back_in_the_order_of_their_scores(system: Stack, directories: tuple[Path, Path], path: str) -> None:
    expected = scores_alone(directories[0])

    reply = ask(system, path, query=QUERY)

    assert reply.status == 200, reply.body
    rows = reply.json()["result"]
    assert [row["score"] for row in rows] == pytest.approx(sorted(expected, reverse=True), abs=1e-5)
    assert [expected[row["index"]] for row in rows] == pytest.approx([row["score"] for row in rows], abs=1e-5)
    assert all(row["id"] == f"r{row['index']}" for row in rows)
    assert [row["index"] for row in rows if row.get("truncated")] != []
    assert reply.headers["jitney-model"].startswith("ranker@")


def test_topk_of_them_are_enough(system: Stack) -> None:
    whole, best = (ask(system, "/rerank", query=QUERY, **fields).json()["result"] for fields in ({}, {"topK": 3}))

    assert best == whole[:3]


def test_a_text_that_is_empty_stands_last_with_its_error(system: Stack) -> None:
    rows = ask(system, "/rerank", ["", "the bus"], query=QUERY).json()["result"]

    assert [row["index"] for row in rows] == [1, 0]
    assert rows[1]["error"]["code"] == "invalid_input"


@pytest.mark.parametrize("options", [{}, {"multiLabel": True}, {"template": "it is {}"}], ids=str)
def test_labels_of_a_request_are_scored_as_by_the_pipeline(
    system: Stack, directories: tuple[Path, Path], options: dict[str, Any]
) -> None:
    theirs = pipeline("zero-shot-classification", model=str(directories[1]), device="cpu")
    template = options.get("template", "This example is {}.")

    reply = ask(system, "/classification", labels=LABELS, topK=3, **options)

    assert reply.status == 200, reply.body
    for asked, row in zip(TEXTS, reply.json()["result"], strict=True):
        expected = theirs(asked, LABELS, multi_label="multiLabel" in options, hypothesis_template=template)
        assert {one["label"]: one["score"] for one in row["labels"]} == pytest.approx(
            dict(zip(expected["labels"], expected["scores"], strict=True)), abs=1e-5
        )


def test_one_address_has_a_default_for_either_task(system: Stack) -> None:
    plain = ask(system, "/classification", ["What a lovely day!"])
    named = ask(system, "/classification", ["the bus is full"], labels=LABELS)

    assert plain.headers["jitney-model"].startswith("classification@")
    assert named.headers["jitney-model"].startswith("nli@")
    assert ask(system, "/classification", ["a"], labels=LABELS, model="classification").status == 422
    assert ask(system, "/classification", ["a"], model="nli").status == 422


def test_a_pair_that_was_cut_is_counted(system: Stack) -> None:
    ask(system, "/rerank", query=QUERY)

    said = system.front_ends[0].metrics()
    assert any(line.startswith('jitney_records_truncated_total{model="ranker"}') for line in said.splitlines())
