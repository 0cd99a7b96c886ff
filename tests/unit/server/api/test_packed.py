"""A body that was compressed by gzip is unpacked, and is never larger than a body may be."""

from __future__ import annotations

import asyncio
import gzip
import threading
import zlib

import msgspec
import pytest

from server.codecs.pool import LARGE, THREADS
from server.codecs.work import Work
from tests.unit.server.stand_in import running, told

pytestmark = pytest.mark.anyio

PATH = "/models/echo"


def body(text: str = "life") -> bytes:
    return msgspec.json.encode({"payload": {"records": [{"id": 0, "text": text}]}})


def packed(by: str) -> dict[str, str]:
    return {"content-encoding": by, "content-type": "application/json"}


@pytest.mark.parametrize("by", ["gzip", "GZIP", "x-gzip", "identity, gzip"])
@pytest.mark.parametrize("words", [1, 5_000], ids=["small", "large"])
async def test_what_was_packed_is_answered_as_what_was_not(by, words):
    async with running() as jitney:
        sent = body("life " * words)
        answer = await jitney.client.post(PATH, content=gzip.compress(sent), headers=packed(by))

        assert answer.status_code == 200
        assert answer.json() == (await jitney.client.post(PATH, content=sent)).json()


async def test_a_small_one_is_unpacked_without_a_thread():
    async with running() as jitney:
        jitney.front_end.pool.close()

        answer = await jitney.client.post(PATH, content=gzip.compress(body()), headers=packed("gzip"))

        assert answer.status_code == 200


async def test_a_large_one_waits_for_no_work_that_takes_seconds():
    async with running() as jitney:
        may_end, pool = threading.Event(), jitney.front_end.pool
        large = [asyncio.create_task(pool.run(may_end.wait, LARGE + 1, Work())) for _ in range(THREADS)]
        await asyncio.sleep(0)  # they begin
        sent = gzip.compress(body("life " * 5_000))

        answer = await jitney.client.post(PATH, content=sent, headers=packed("gzip"))

        may_end.set()
        await asyncio.gather(*large)
        assert answer.status_code == 200


@pytest.mark.parametrize("by", ["deflate", "br", "zstd", "gzip, br"])
async def test_another_way_is_415_and_names_the_one_that_is_read(by):
    async with running() as jitney:
        answer = await jitney.client.post(PATH, content=body(), headers=packed(by))

        assert told(answer) == (415, "unsupported_media_type")
        assert "gzip" in answer.json()["detail"]


async def test_what_would_be_too_large_unpacked_is_413():
    async with running(max_body_bytes=1000) as jitney:
        bomb = gzip.compress(b" " * 100_000_000, compresslevel=1)[:900]  # unpacked as far as it goes
        answers = [
            await jitney.client.post(PATH, content=sent, headers=packed("gzip"))
            for sent in (gzip.compress(body("x" * 1000)), bomb)
        ]

        assert [told(answer) for answer in answers] == [(413, "too_large")] * 2


async def test_a_packed_body_is_itself_no_larger_than_a_body():
    async with running(max_body_bytes=100) as jitney:
        answer = await jitney.client.post(PATH, content=b"x" * 101, headers=packed("gzip"))

        assert told(answer) == (413, "too_large")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(body(), id="not packed"),
        pytest.param(b"", id="nothing"),
        pytest.param(gzip.compress(body())[:-4], id="cut"),
        pytest.param(gzip.compress(body()) + b"\x00", id="more behind it"),
        pytest.param(zlib.compress(body()), id="deflate, called gzip"),
    ],
)
async def test_what_cannot_be_unpacked_is_malformed(sent):
    async with running() as jitney:
        answer = await jitney.client.post(PATH, content=sent, headers=packed("gzip"))

        assert told(answer) == (400, "malformed")


async def test_a_packed_request_that_is_answered_later_is_kept_unpacked():
    async with running() as jitney:
        headers = packed("gzip") | {"prefer": "respond-async, wait=10"}
        answer = await jitney.client.post(PATH, content=gzip.compress(body()), headers=headers)

        assert (answer.status_code, answer.json()["result"][0]["text"]) == (200, "LIFE")
