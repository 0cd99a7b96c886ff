"""A picture that is the body itself is stored as it came, with what its address says, and labelled later."""

from __future__ import annotations

import pytest

from tests.unit.server.api.pictures import PICTURE, with_pictures

pytestmark = pytest.mark.anyio


async def test_a_picture_is_labelled_later_as_its_address_says():
    headers = {"content-type": "image/png", "prefer": "respond-async"}
    async with with_pictures() as jitney:
        accepted = await jitney.client.post("/image-classification?topK=2", content=PICTURE, headers=headers)
        fetched = await jitney.client.get(accepted.headers["location"] + "/result?wait=30")

        assert accepted.status_code == 202
        assert [one["score"] for one in fetched.json()["result"][0]["labels"]] == [0.5, 0.25]


async def test_what_is_no_picture_by_its_type_is_refused_at_once():
    headers = {"content-type": "text/plain", "prefer": "respond-async"}
    async with with_pictures() as jitney:
        answer = await jitney.client.post("/image-classification", content=PICTURE, headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
