"""The Open Inference Protocol: what Triton's client and KServe send, and the rows of Vertex AI and SageMaker."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from typing import Any

import pytest

from tests.unit.server.api.pictures import PICTURE, with_pictures
from tests.unit.server.openai.test_embeddings import vector
from tests.unit.server.stand_in import announced, card
from tests.unit.server.tei.several import several

pytestmark = pytest.mark.anyio

HEAD = "Inference-Header-Content-Length"
LANGUAGES = {"fromLang": "en", "toLang": "ja"}


def tensor(*texts: str, shape: list[int] | None = None, name: str = "text") -> dict[str, Any]:
    return {"name": name, "datatype": "BYTES", "shape": shape or [len(texts)], "data": [*texts]}


def binary(*elements: bytes, **further: Any) -> tuple[bytes, dict[str, str]]:
    """A body as Triton's client sends it unless it is told otherwise, and its headers."""
    behind = b"".join(struct.pack("<I", len(one)) + one for one in elements)
    one = {"name": "text", "datatype": "BYTES", "shape": [len(elements)]} | further.pop("tensor", {})
    one["parameters"] = {"binary_data_size": len(behind)}
    head = json.dumps({"inputs": [one], **further}).encode()
    return head + behind, {HEAD: str(len(head))}


GOOD = ["good", "so so", "bad"]


@pytest.mark.parametrize(
    ("model", "texts", "parameters", "outputs"),
    [
        pytest.param(
            "compass",
            ("0", "60"),
            {},
            [{"name": "embedding", "datatype": "FP32", "shape": [2, 2], "data": [*vector(0), *vector(60)]}],
            id="vectors",
        ),
        pytest.param(
            "judge",
            ("a day",),
            {},
            [
                {"name": "label", "datatype": "BYTES", "shape": [1, 3], "data": GOOD},
                {"name": "score", "datatype": "FP32", "shape": [1, 3], "data": [0.5, 0.02, 0.01]},
            ],
            id="labels",
        ),
        pytest.param(
            "judge",
            ("a day", "day"),
            {"topK": 1},
            [
                {"name": "label", "datatype": "BYTES", "shape": [2, 1], "data": ["good", "good"]},
                {"name": "score", "datatype": "FP32", "shape": [2, 1], "data": [0.5, 1.0]},
            ],
            id="the best label",
        ),
        pytest.param(
            "ranker",
            ("0.25", "0.5"),
            {"query": "which?"},
            [{"name": "score", "datatype": "FP32", "shape": [2], "data": [0.25, 0.5]}],
            id="scores",
        ),
        pytest.param(
            "small",
            ("a box",),
            LANGUAGES,
            [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["A BOX"]}],
            id="a translation",
        ),
    ],
)
async def test_each_task_has_its_tensors(model, texts, parameters, outputs):
    async with several() as jitney:
        answer = await jitney.client.post(
            f"/v2/models/{model}/infer", json={"id": "1", "inputs": [tensor(*texts)], "parameters": parameters}
        )

        assert (answer.status_code, answer.json()) == (200, {"id": "1", "model_name": model, "outputs": outputs})


@pytest.mark.parametrize("shape", [[2], [2, 1]])
async def test_bytes_behind_the_json_are_read(shape):
    body, headers = binary(b"0", b"60", tensor={"shape": shape})
    async with several() as jitney:
        answer = await jitney.client.post("/v2/models/compass/infer", content=body, headers=headers)

        assert answer.json()["outputs"][0]["data"] == [*vector(0), *vector(60)]


async def test_only_the_outputs_that_are_asked_for_come_back():
    async with several() as jitney:
        body = {"inputs": [tensor("a day")], "outputs": [{"name": "score", "parameters": {"binary_data": True}}]}
        answer = await jitney.client.post("/v2/models/judge/infer", json=body)

        assert [one["name"] for one in answer.json()["outputs"]] == ["score"]


async def test_a_picture_is_bytes_behind_the_json_or_base64_in_it():
    body, headers = binary(PICTURE, tensor={"name": "image"}, parameters={"topK": 1})
    in_json = {"inputs": [tensor(b64encode(PICTURE).decode(), name="image")], "parameters": {"topK": 1}}
    async with with_pictures() as jitney:
        path = "/v2/models/photo/infer"
        answers = [
            await jitney.client.post(path, content=body, headers=headers),
            await jitney.client.post(path, json=in_json),
        ]

        assert [answer.json()["outputs"][0]["data"] for answer in answers] == [[f"N{len(PICTURE)}.0"]] * 2


LESS = tensor("0") | {"parameters": {"binary_data_size": -1}}
NOT_UTF_8, _ = binary(b"\xff")


@pytest.mark.parametrize(
    ("model", "body", "status", "said"),
    [
        pytest.param("compass", {"inputs": [tensor("0", name="input")]}, 400, "'text'", id="another tensor"),
        pytest.param("compass", {"inputs": [tensor("0", shape=[2])]}, 400, "shape", id="another shape"),
        pytest.param("compass", {"inputs": [tensor("0", shape=[1, 2])]}, 400, "shape", id="two columns"),
        pytest.param("compass", {"inputs": [tensor("0") | {"datatype": "FP32"}]}, 400, "datatype", id="numbers"),
        pytest.param("compass", {"inputs": [tensor("0"), tensor("0")]}, 400, "inputs", id="two tensors"),
        pytest.param("compass", {"inputs": [LESS]}, 400, "-1 are said", id="less than nothing behind"),
        pytest.param(
            "compass", {"inputs": [tensor("0")], "outputs": [{"name": "text"}]}, 400, "there are embedding", id="output"
        ),
        pytest.param("compass", {"inputs": [tensor("0", "impossible")]}, 400, "input 1: this text", id="one is bad"),
        pytest.param("compass", {"inputs": [tensor("fail:poison")]}, 422, "poison", id="one crashes batchers"),
        pytest.param("small", {"inputs": [tensor("a")], "parameters": {"fromLang": "tlh"}}, 400, "tlh", id="language"),
        pytest.param("nobody", {"inputs": [tensor("a")]}, 404, "nobody", id="no model"),
        pytest.param("compass", [], 400, "object", id="no object"),
    ],
)
async def test_what_cannot_be_computed_is_refused_in_words_that_clients_show(model, body, status, said):
    async with several() as jitney:
        answer = await jitney.client.post(f"/v2/models/{model}/infer", json=body)

        assert answer.status_code == status, answer.text
        assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("behind", "length"),
    [
        pytest.param(b"", None, id="nothing behind it"),
        pytest.param(b"\xff\xff\xff\xff", None, id="longer than all"),
        pytest.param(b"\x01\x00", None, id="no length"),
        pytest.param(b"\x01\x00\x00\x000", "-1", id="no number"),
        pytest.param(b"\x01\x00\x00\x000", "99999", id="more JSON than there is"),
        pytest.param(b"\x01\x00\x00\x000", "9" * 5000, id="a huge number"),
        pytest.param(b"\x01\x00\x00\x000", "0", id="no JSON"),
        pytest.param(b"\x02\x00\x00\x00\xff\xff", None, id="not UTF-8"),
    ],
)
async def test_bytes_that_cannot_be_read_are_refused(behind, length):
    one = {"name": "text", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": max(1, len(behind))}}
    head = json.dumps({"inputs": [one]}).encode()
    async with several() as jitney:
        answer = await jitney.client.post(
            "/v2/models/compass/infer", content=head + behind, headers={HEAD: length or str(len(head))}
        )

        assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


async def test_bytes_that_no_tensor_has_are_refused():
    body, headers = binary(b"0")
    async with several() as jitney:
        answer = await jitney.client.post("/v2/models/compass/infer", content=body + b"more", headers=headers)

        assert (answer.status_code, "9 bytes" in answer.json()["error"]) == (400, True)


ROWS = [
    ("compass", ["0", {"text": "60"}], {}, [vector(0), vector(60)]),
    ("judge", ["a day"], {"topK": 1}, [[{"label": "good", "score": 0.5}]]),
    ("ranker", ["0.25"], {"query": "which?"}, [0.25]),
    ("small", ["a box"], LANGUAGES, ["A BOX"]),
]


@pytest.mark.parametrize(("model", "instances", "parameters", "told"), ROWS)
async def test_rows_are_answered_by_the_model_that_the_address_or_the_body_names(model, instances, parameters, told):
    body = {"instances": instances, "parameters": parameters}
    named = {"instances": instances, "parameters": {"model": model, **parameters}}
    async with several() as jitney:
        answers = [
            await jitney.client.post(f"/v1/models/{model}:predict", json=body),
            await jitney.client.post("/predict", json=named),
            await jitney.client.post("/invocations", json=named),
        ]

        assert [answer.json() for answer in answers] == [{"predictions": told}] * 3, answers[0].text


async def test_a_model_alone_need_not_be_named_and_one_of_several_must():
    async with several("embedding") as jitney:
        alone = await jitney.client.post("/invocations", json={"instances": ["0"]})
    async with several() as jitney:
        several_live = await jitney.client.post("/invocations", json={"instances": ["0"]})

    assert alone.json() == {"predictions": [vector(0)]}
    assert (several_live.status_code, "Name a model" in several_live.json()["error"]) == (404, True)


async def test_a_picture_s_row_is_base64():
    in_base64 = b64encode(PICTURE).decode()
    async with with_pictures() as jitney:
        answer = await jitney.client.post(
            "/v1/models/photo:predict", json={"instances": [{"b64": in_base64}, in_base64], "parameters": {"topK": 1}}
        )

        assert [one["label"] for (one,) in answer.json()["predictions"]] == [f"N{len(PICTURE)}.0"] * 2


async def test_sagemaker_s_address_takes_the_bodies_of_tei_as_well():
    async with several() as jitney:
        answer = await jitney.client.post("/invocations", json={"inputs": "0"})

        assert answer.json() == [vector(0)]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/compass/ready", {"name": "compass", "ready": True}),
    ],
)
async def test_who_is_well_says_so(path, told):
    async with several() as jitney:
        answer = await jitney.client.get(path)

        assert (answer.status_code, answer.json()) == (200, told)


@pytest.mark.parametrize(
    ("model", "takes", "gives"),
    [
        ("compass", "text", ["embedding"]),
        ("judge", "text", ["label", "score"]),
        ("small", "text", ["text"]),
        ("ranker", "text", ["score"]),
        ("echo", "text", ["text"]),
    ],
)
async def test_a_model_says_what_it_takes_and_gives(model, takes, gives):
    async with several() as jitney:
        told = (await jitney.client.get(f"/v2/models/{model}")).json()

        assert ([one["name"] for one in told["inputs"]], [one["name"] for one in told["outputs"]]) == ([takes], gives)


@pytest.mark.parametrize("path", ["", "/ready"])
async def test_a_model_s_further_name_is_as_good_for_pages(path):
    async with several(alias="BAAI/bge-m3=compass") as jitney:
        answer = await jitney.client.get(f"/v2/models/BAAI%2Fbge-m3{path}")

        assert (answer.status_code, answer.json()["name"]) == (200, "compass")


async def test_a_model_without_a_batcher_is_not_ready():
    async with several("embedding") as jitney:
        jitney.broker.announcements = [announced(card("compass", task="embedding"), batchers=0)]
        await jitney.look()

        answer = await jitney.client.get("/v2/models/compass/ready")

        assert (answer.status_code, "error" in answer.json()) == (503, True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/compass/config", 404),
        ("POST", "/v2/repository/index", 404),
        ("GET", "/v2/models/compass/infer", 405),
        ("GET", "/invocations", 405),
    ],
)
async def test_an_address_that_leads_nowhere_has_an_error_that_clients_read(method, path, status):
    async with several() as jitney:
        answer = await jitney.client.request(method, path)

        assert answer.status_code == status
        assert "error" in answer.json()
