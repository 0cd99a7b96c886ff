"""Hugging Face's own client, given nothing but the address of a model."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from tests.integration.stack import Stack

pytestmark = pytest.mark.usefixtures("on_loopback")

Client = Callable[[str], InferenceClient]
WORDS = "word1 word2"


@pytest.fixture
def client(everybody: Stack) -> Client:
    return lambda model: InferenceClient(f"{everybody.url}/models/{model}")


@pytest.mark.parametrize("texts", [WORDS, [WORDS, "word3"]])
def test_it_reads_vectors(client: Client, texts: str | list[str]) -> None:
    found = client("thirds").feature_extraction(texts)  # type: ignore[arg-type]

    assert found.shape == (1 if isinstance(texts, str) else 2, 3)
    assert found[0].tolist() == pytest.approx([2 / 3, 1.0, 0.0])


def test_its_parameters_of_vectors_are_obeyed(client: Client) -> None:
    found = client("thirds").feature_extraction(WORDS, normalize=True, truncate=True, dimensions=2)

    assert found[0].tolist() == pytest.approx([2 / 13**0.5, 3 / 13**0.5])


def test_it_reads_how_similar_sentences_are(client: Client) -> None:
    same, other = client("thirds").sentence_similarity("word1", ["word1", "word1 word1"])

    assert (same, other) == pytest.approx((1.0, 0.5**0.5))


def test_it_reads_labels(client: Client) -> None:
    every, best = client("judge").text_classification("word1"), client("judge").text_classification("word1", top_k=2)

    assert [(one.label, one.score) for one in every] == [("good", 0.75), ("so so", 0.25), ("bad", 0.125)]
    assert best == every[:2]


def test_it_reads_labels_of_its_own(client: Client) -> None:
    found = client("nli").zero_shot_classification("word1 word2", ["word1", "word3"], multi_label=True)

    assert [one.label for one in found] == ["word1", "word3"]


def test_it_reads_a_translation(client: Client) -> None:
    found = client("shout").translation("a box", src_lang="en", tgt_lang="ja")

    assert found.translation_text == "A BOX"


def test_it_reads_labels_of_a_picture(client: Client) -> None:
    image = pytest.importorskip("PIL.Image")
    written = io.BytesIO()
    image.new("RGB", (9, 9), (200, 20, 20)).save(written, "PNG")

    every = client("colour").image_classification(written.getvalue())
    best = client("colour").image_classification(written.getvalue(), top_k=1)

    assert [one.label for one in every] == ["red", "green", "blue"]
    assert best == every[:1]


def test_it_asks_how_a_model_is_and_what(everybody: Stack) -> None:
    client = InferenceClient(f"{everybody.url}/models/judge", provider="hf-inference")

    assert client.health_check()
    assert client.get_endpoint_info()["model_type"]["classifier"]["id2label"] == {"0": "bad", "1": "good", "2": "so so"}


def test_it_shows_what_was_wrong(client: Client) -> None:
    with pytest.raises(HfHubHTTPError, match=r"inputs\[1\]: text is empty") as empty:
        client("thirds").feature_extraction(["word1", ""])  # type: ignore[arg-type]
    with pytest.raises(HfHubHTTPError, match="There is no model 'nobody'"):
        client("nobody").feature_extraction("word1")
    with pytest.raises(HfHubHTTPError, match="candidate_labels has one of them twice"):
        client("nli").zero_shot_classification("word1", candidate_labels=["word1", "word1"])
    with pytest.raises(HfHubHTTPError, match="function_to_apply must be left out"):
        client("judge").text_classification("word1", function_to_apply="softmax")

    assert empty.value.response.status_code == 422
