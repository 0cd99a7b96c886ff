"""Triton's own client, which sends texts as bytes behind the JSON unless it is told otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy
import pytest
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from tests.integration.stack import Stack

WORDS = ["word1 word2", "word3"]
VECTORS = [[2 / 3, 1.0, 0.0], [4 / 3, 0.0, 0.0]]


@pytest.fixture
def client(everybody: Stack) -> Iterator[triton.InferenceServerClient]:
    made = triton.InferenceServerClient(everybody.url.removeprefix("http://"))
    yield made
    made.close()


def tensor(texts: list[str], *, binary: bool = True, column: bool = False, name: str = "text") -> triton.InferInput:
    array = numpy.array(texts, dtype=object).reshape([len(texts), 1] if column else [len(texts)])
    made = triton.InferInput(name, array.shape, "BYTES")
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def test_it_asks_who_is_there(client: triton.InferenceServerClient) -> None:
    told = client.get_model_metadata("thirds")

    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("thirds")
    assert not client.is_model_ready("nobody")
    assert client.get_server_metadata()["name"] == "jitney"
    assert ([one["name"] for one in told["inputs"]], [one["name"] for one in told["outputs"]]) == (
        ["text"],
        ["embedding"],
    )


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("column", [True, False])
def test_it_reads_vectors(client: triton.InferenceServerClient, binary: bool, column: bool) -> None:
    found = client.infer("thirds", [tensor(WORDS, binary=binary, column=column)]).as_numpy("embedding")

    assert (found.dtype, found.shape) == (numpy.float32, (2, 3))
    assert found.tolist() == [pytest.approx(one) for one in VECTORS]


def test_it_reads_labels_and_scores(client: triton.InferenceServerClient) -> None:
    found = client.infer("judge", [tensor(WORDS)], outputs=[triton.InferRequestedOutput("label")])

    assert found.as_numpy("label").tolist() == [["good", "so so", "bad"]] * 2
    assert found.as_numpy("score") is None


def test_it_reads_translations(client: triton.InferenceServerClient) -> None:
    found = client.infer("shout", [tensor(["a box"])], parameters={"fromLang": "en", "toLang": "ja"})

    assert found.as_numpy("text").tolist() == ["A BOX"]


def test_it_raises_what_was_wrong(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="called 'text'"):
        client.infer("thirds", [tensor(WORDS, name="input")])
    with pytest.raises(InferenceServerException, match="There is no model 'nobody'"):
        client.infer("nobody", [tensor(WORDS)])
