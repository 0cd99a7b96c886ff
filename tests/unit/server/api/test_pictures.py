"""POST /image-classification: an envelope with base64, or the picture itself as the body."""

from __future__ import annotations

import asyncio
import gzip
import threading
from typing import Any

import pytest

from server.dialects.pictures import NOT_READ_HERE
from tests.unit.server.api.pictures import GROWTH, MODELS, PHOTO, PICTURE, PictureCodec, envelope, with_pictures
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running, told

pytestmark = pytest.mark.anyio

PATH = "/image-classification"
BARE = {"content-type": "image/png"}
ROW = {"id": 0, "label": f"N{len(PICTURE)}.0", "score": 0.5}
BOTH = pytest.mark.parametrize("path", [PATH, "/models/photo"])


def of(content_type: str | None) -> dict[str, str]:
    return {} if content_type is None else {"content-type": content_type}


@BOTH
async def test_pictures_in_base64_are_answered_by_id(path):
    async with with_pictures() as jitney:
        answer = await jitney.client.post(path, json=envelope(PICTURE, b"PIC"))

        assert answer.json() == {"result": [ROW, {"id": 1, "label": "N3.0", "score": 0.5}]}
        assert answer.headers["jitney-model"] == "photo@r1"


@BOTH
@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg; q=1", "IMAGE/*", "application/octet-stream", None])
async def test_a_picture_as_the_body_is_one_record_with_the_id_0(path, content_type):
    async with with_pictures() as jitney:
        answer = await jitney.client.post(path, content=PICTURE, headers=of(content_type))

        assert answer.json() == {"result": [ROW]}


@pytest.mark.parametrize("content_type", ["application/json", "application/problem+json", None])
async def test_the_envelope_is_known_by_its_type_or_by_how_it_begins(content_type):
    body = b'\r\n {"payload": {"records": []}}'
    async with with_pictures() as jitney:
        answer = await jitney.client.post(PATH, content=body, headers=of(content_type))

        assert answer.json() == {"result": []}


async def test_topk_stands_in_the_payload_or_in_the_address():
    async with with_pictures() as jitney:
        enveloped = await jitney.client.post(PATH, json=envelope(PICTURE, topK=2))
        bare = await jitney.client.post(f"{PATH}?topK=2", content=PICTURE, headers=BARE)

        assert enveloped.json() == bare.json()
        assert [one["score"] for one in bare.json()["result"][0]["labels"]] == [0.5, 0.25]


async def test_a_model_is_named_in_the_payload_or_in_the_address():
    async with with_pictures([*MODELS, card("other", task=PHOTO.task, codec="image")]) as jitney:
        enveloped = await jitney.client.post(PATH, json=envelope(PICTURE, model="other"))
        bare = await jitney.client.post(f"{PATH}?model=other", content=PICTURE, headers=BARE)

        assert (enveloped.headers["jitney-model"], bare.headers["jitney-model"]) == ("other@r1", "other@r1")


async def test_a_model_of_pictures_with_a_task_of_its_own_takes_them_by_its_name():
    async with with_pictures([card("own", task="colours", codec="image")]) as jitney:
        bare = await jitney.client.post("/models/own?topK=1", content=PICTURE, headers=BARE)

        assert bare.json() == {"result": [ROW]}


@pytest.mark.parametrize(
    "text", ["no base64", "UElD\n", "data:image/png;base64,UElD", "UElDCg", "é", "_-UElD"], ids=ascii
)
async def test_what_is_no_base64_fails_its_own_record(text):
    async with with_pictures() as jitney:
        body = envelope(PICTURE, PICTURE)
        body["payload"]["records"][1]["image"] = text

        row, failed = (await jitney.client.post(PATH, json=body)).json()["result"]

        assert (row, failed["id"], failed["error"]["code"]) == (ROW, 1, "invalid_input")
        assert "base64" in failed["error"]["message"]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(b"GIF", "image/png"), (b"", "image/png"), (b"", None), (b"not JSON", None), (b'"text"', None)],
)
async def test_a_body_that_is_no_picture_is_422(content, content_type):
    async with with_pictures() as jitney:
        answer = await jitney.client.post(PATH, content=content, headers=of(content_type))

        assert told(answer) == (422, "invalid_input")
        assert answer.headers["jitney-model"] == "photo@r1"


@BOTH
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "imagery/x"])
async def test_other_types_are_415_and_told_what_to_send(path, kind):
    async with with_pictures() as jitney:
        answer = await jitney.client.post(path, content=PICTURE, headers=of(kind))

        assert told(answer) == (415, "unsupported_media_type")
        assert "image/" in answer.json()["detail"] and "application/json" in answer.json()["detail"]


@BOTH
async def test_a_packed_picture_is_unpacked(path):
    async with with_pictures() as jitney:
        body, headers = gzip.compress(PICTURE), BARE | {"content-encoding": "gzip"}
        answer = await jitney.client.post(path, content=body, headers=headers)

        assert answer.json() == (await jitney.client.post(path, content=PICTURE, headers=BARE)).json()


@pytest.mark.parametrize("path", ["/classification", "/models/words"])
async def test_a_picture_is_no_text(path):
    async with with_pictures() as jitney:
        bare = await jitney.client.post(path, content=PICTURE, headers=BARE)
        enveloped = await jitney.client.post(path, json=envelope(PICTURE))

        assert (told(bare), told(enveloped)) == ((415, "unsupported_media_type"), (400, "malformed"))
        assert "`text`" in enveloped.json()["detail"]


@BOTH
async def test_a_text_is_no_picture(path):
    async with with_pictures() as jitney:
        answer = await jitney.ask("life", path=path)

        assert told(answer) == (400, "malformed")
        assert "`image`" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(f"{PATH}?model=words", {"content": PICTURE, "headers": BARE}, id="bare"),
        pytest.param(PATH, {"json": envelope(PICTURE, model="words")}, id="enveloped"),
    ],
)
async def test_a_model_of_texts_is_no_model_of_pictures(path: str, body: Any):
    async with with_pictures() as jitney:
        answer = await jitney.client.post(path, **body)

        assert told(answer) == (404, "unknown_model")
        assert "'words' is for classification" in answer.json()["detail"] and "photo" in answer.json()["detail"]


async def test_a_picture_for_a_model_that_nobody_knows_is_404():
    async with with_pictures() as jitney:
        answer = await jitney.client.post("/models/foto", content=PICTURE, headers=BARE)

        assert told(answer) == (404, "unknown_model")


@BOTH
async def test_a_picture_for_which_there_is_no_batcher_is_503(path):
    async with with_pictures() as jitney:
        jitney.broker.announcements = [announced(PHOTO, batchers=0)]
        await jitney.look()

        answer = await jitney.client.post(path, content=PICTURE, headers=BARE)

        assert told(answer) == (503, "no_batcher")


@BOTH
async def test_a_picture_before_the_broker_was_met_is_503(path):
    async with running(ScriptedBroker(look_error=RuntimeError()), met=False) as jitney:
        answer = await jitney.client.post(path, content=PICTURE, headers=BARE)

        assert told(answer) == (503, "broker_unavailable")


@BOTH
async def test_bodies_of_pictures_have_a_bound_of_their_own(path):
    fits, too_long = PICTURE.ljust(100), PICTURE.ljust(101)
    async with with_pictures(max_body_bytes=50, max_image_body_bytes=100) as jitney:
        good = await jitney.client.post(path, content=fits, headers=BARE)
        bad = await jitney.client.post(path, content=too_long, headers=BARE)
        text = await jitney.ask("x" * 50, path="/models/words")

        assert (good.status_code, told(bad), told(text)) == (200, (413, "too_large"), (413, "too_large"))
        assert (bad.json()["limit"], text.json()["limit"]) == (100, 50)


@pytest.mark.parametrize("bound", ["max_queue_bytes", "max_bytes_in_hand"])
async def test_pictures_that_could_never_wait_together_are_413(bound):
    half = PICTURE.ljust(40_000 // GROWTH)
    async with with_pictures(**{"max_queue_bytes": 100_000, "max_bytes_in_hand": 200_000, bound: 80_000}) as jitney:
        good = await jitney.client.post(PATH, json=envelope(half, half))
        bad = await jitney.client.post(PATH, json=envelope(half, half, PICTURE))

        assert (good.status_code, told(bad)) == (200, (413, "too_large"))
        assert "80000 bytes" in bad.json()["detail"]


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "two", "", "nan", "1e999"])
@pytest.mark.parametrize("body", [{"content": PICTURE, "headers": BARE}, {"json": envelope(PICTURE)}])
async def test_a_number_in_the_address_that_is_none_is_400(number: str, body: Any):
    async with with_pictures() as jitney:
        answer = await jitney.client.post(f"{PATH}?topK={number}", **body)

        assert told(answer) == (400, "malformed")
        assert "topK" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "warning"),
    [
        ("top_k=2", "'top_k' in the address is not known and is not read: probably 'topK' is meant."),
        ("zoom", "'zoom' in the address is not known and is not read."),
    ],
)
async def test_misspelt_fields_of_the_address_are_told(query, warning):
    async with with_pictures() as jitney:
        answer = await jitney.client.post(f"{PATH}?{query}", content=PICTURE, headers=BARE)

        assert answer.json() == {"result": [ROW], "warnings": [warning]}


async def test_the_address_says_nothing_beside_an_envelope_and_that_is_told():
    async with with_pictures() as jitney:
        answer = await jitney.client.post(f"{PATH}?topK=2", json=envelope(PICTURE))

        assert answer.json() == {"result": [ROW], "warnings": [NOT_READ_HERE]}


async def test_with_strict_a_misspelt_address_is_refused():
    async with with_pictures(strict=True) as jitney:
        answer = await jitney.client.post(f"{PATH}?top_k=2", content=PICTURE, headers=BARE)

        assert told(answer) == (422, "invalid_input")


@BOTH
async def test_two_revisions_that_live_share_the_pictures(path):
    newer = announced(card("photo", task=PHOTO.task, codec="image", revision="r2"), since=2.0)
    async with with_pictures([PHOTO]) as jitney:
        jitney.broker.announcements.append(newer)
        await jitney.look()

        answers = [await jitney.client.post(path, content=PICTURE, headers=BARE) for _ in range(4)]

    assert sorted(answer.headers["jitney-model"] for answer in answers) == ["photo@r1"] * 2 + ["photo@r2"] * 2


async def test_a_small_picture_is_not_decoded_on_the_loop():
    async with with_pictures() as jitney:
        await jitney.client.post(PATH, content=PICTURE, headers=BARE)
        await jitney.client.post(PATH, json=envelope(PICTURE, PICTURE))

    assert len(PictureCodec.threads) == 3
    assert threading.get_ident() not in PictureCodec.threads


async def test_a_small_picture_is_encoded_anew_beside_the_loop():
    old, new = announced(PHOTO), announced(card("photo", task=PHOTO.task, codec="image", revision="r2"), since=2.0)
    async with with_pictures([PHOTO], ScriptedBroker(answers=False)) as jitney:
        asking = asyncio.create_task(jitney.client.post(PATH, content=PICTURE, headers=BARE))
        await jitney.broker.admitted.wait()
        jitney.broker.announcements = [old, new]
        await jitney.look()
        jitney.broker.announcements, jitney.broker.answers = [new], True
        PictureCodec.threads.clear()
        await jitney.look()

        assert (await asking).json() == {"result": [ROW]}
    assert PictureCodec.threads and threading.get_ident() not in PictureCodec.threads
