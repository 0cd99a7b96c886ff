"""The address that huggingface_hub's InferenceClient is given: its requests, its replies, its errors."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.unit.server.api.pictures import MODELS, PHOTO, PICTURE, with_pictures
from tests.unit.server.stand_in import announced, card

pytestmark = pytest.mark.anyio

PATH = "/huggingface/image-classification"
IN_BASE64 = b64encode(PICTURE).decode()
SIGMOID = {"inputs": IN_BASE64, "parameters": {"function_to_apply": "sigmoid"}}


def labels(count: int) -> list[dict[str, Any]]:
    return [{"label": f"N{len(PICTURE)}.{place}", "score": 0.5 / (place + 1)} for place in range(count)]


@pytest.mark.parametrize("headers", [{}, {"content-type": "image/jpeg"}])
async def test_a_picture_alone_is_answered_with_five_labels(headers):
    async with with_pictures() as jitney:
        answer = await jitney.client.post(PATH, content=PICTURE, headers=headers)

        assert (answer.status_code, answer.json()) == (200, labels(5))


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({"parameters": {"top_k": 2}}, 2),
        ({"parameters": {"top_k": 1}}, 1),
        ({"parameters": {"top_k": None, "function_to_apply": None}}, 5),
        ({"parameters": {"of": "another task"}}, 5),
        ({"parameters": None}, 5),
        ({}, 5),
    ],
)
async def test_in_base64_it_comes_with_parameters(parameters, count):
    async with with_pictures() as jitney:
        answer = await jitney.client.post(PATH, json={"inputs": IN_BASE64, **parameters})

        assert (answer.status_code, answer.json()) == (200, labels(count))


async def test_the_address_names_a_model():
    async with with_pictures([*MODELS, card("other", task=PHOTO.task, codec="image")]) as jitney:
        answer = await jitney.client.post(f"{PATH}?model=other", content=PICTURE)

        assert answer.headers["jitney-model"] == "other@r1"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        pytest.param({"json": {"inputs": "no base64"}}, 422, "inputs is not base64", id="no base64"),
        pytest.param({"content": b"GIF"}, 422, "this is no picture", id="no picture"),
        pytest.param({"json": {"inputs": [IN_BASE64]}}, 422, "$.inputs", id="several"),
        pytest.param({"json": {"inputs": IN_BASE64, "parameters": {"top_k": 0}}}, 422, "$.parameters.top_k", id="none"),
        pytest.param({"json": SIGMOID}, 422, "function_to_apply", id="another function"),
        pytest.param({"content": PICTURE, "headers": {"content-type": "audio/flac"}}, 415, "image/", id="a sound"),
        pytest.param({"content": PICTURE.ljust(2000)}, 422, "at most 1000 bytes", id="too large"),
    ],
)
async def test_errors_are_told_as_the_client_reads_them(body: Any, status: int, error: str):
    async with with_pictures(max_image_body_bytes=1000) as jitney:
        answer = await jitney.client.post(PATH, **body)

        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert error in answer.json()["error"]
        assert answer.json().keys() >= {"error", "error_type", "code", "request_id"}


async def test_an_unknown_model_is_404_and_one_without_a_batcher_503():
    async with with_pictures() as jitney:
        unknown = await jitney.client.post(f"{PATH}?model=foto", content=PICTURE)
        jitney.broker.announcements = [announced(PHOTO, batchers=0)]
        await jitney.look()
        away = await jitney.client.post(PATH, content=PICTURE)

        assert (unknown.status_code, away.status_code) == (404, 503)
        assert "There is no model 'foto'" in unknown.json()["error"]
