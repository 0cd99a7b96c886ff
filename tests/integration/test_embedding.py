"""A directory of sentence-transformers behind HTTP: the client's vector is that of the library, prompts included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.stack import Stack, stack
from tests.models import recipes

library = pytest.importorskip("sentence_transformers")
TEXT = "Word1 word2 . Word3"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_pooling_elsewhere(tmp_path_factory.mktemp("embedder"))


@pytest.fixture(scope="module")
def system(directory: Path) -> Iterator[Stack]:
    with stack(models=[f"embedding:{directory},name=embedder"]) as made:
        yield made


def with_pooling_elsewhere(directory: Path) -> Path:
    """Pooled by the first token outside of the prompt, as `2_Pooling` says; words in lower case."""
    recipes.network(directory / "0_Transformer")
    kinds = [("Transformer", "0_Transformer"), ("Pooling", "2_Pooling"), ("Normalize", "3_Normalize")]
    modules = [{"name": kind, "path": path, "type": f"sentence_transformers.models.{kind}"} for kind, path in kinds]
    recipes.put(directory / "modules.json", modules)
    pooling = {"word_embedding_dimension": recipes.WIDTH, "pooling_mode_cls_token": True, "include_prompt": False}
    recipes.put(directory / "2_Pooling/config.json", pooling)
    recipes.put(directory / "0_Transformer/sentence_roberta_config.json", {"do_lower_case": True})
    prompts = {"prompts": recipes.PROMPTS, "default_prompt_name": "document"}
    recipes.put(directory / "config_sentence_transformers.json", prompts)
    return directory


def embed(system: Stack, **fields: Any) -> Any:
    return system.post("/embedding", {"payload": {"records": [{"id": 1, "text": TEXT}], **fields}})


@pytest.mark.parametrize("prompt", [None, "query", "bare"])
def test_the_vector_of_a_client_is_that_of_the_library(system: Stack, directory: Path, prompt: str | None) -> None:
    plain = library.SentenceTransformer(str(directory), device="cpu")

    reply = embed(system, **({} if prompt is None else {"promptName": prompt}))

    assert reply.status == 200, reply.body
    expected = plain.encode(TEXT, prompt_name=prompt).tolist()
    assert reply.json()["result"][0]["embedding"] == pytest.approx(expected, abs=1e-5)


def test_an_unknown_prompt_is_told_with_those_there_are(system: Stack) -> None:
    reply = embed(system, promptName="question")

    assert reply.status == 422
    assert (reply.json()["code"], reply.json()["prompts"]) == ("invalid_input", ["bare", "document", "query"])
