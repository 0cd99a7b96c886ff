"""Answers go out compressed where an operator wants it, the client takes it, and they are large enough."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import msgspec
import pytest

from server.http.layers.gzip import takes_gzip
from tests.unit.server.stand_in import running

pytestmark = pytest.mark.anyio

TAKEN = {"accept-encoding": "gzip, deflate"}
PLAIN = {"accept-encoding": "identity"}


async def raw(jitney: Any, path: str, headers: dict[str, str]) -> tuple[Any, bytes]:
    """The answer, and its bytes as they came."""
    async with jitney.client.stream("GET", path, headers=headers) as answer:
        return answer, b"".join([chunk async for chunk in answer.aiter_raw()])


class SlowReader:
    """As a connection: what comes after a large piece of the body waits until that is read."""

    def __init__(self) -> None:
        self.reads, self.waits = asyncio.Event(), asyncio.Event()
        self.body = b""

    async def send(self, message: Any) -> None:
        if self.body:
            self.waits.set()
            await self.reads.wait()
        self.body += message.get("body", b"")


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
async def test_a_large_answer_is_compressed(path):
    async with running(gzip_from=1000) as jitney:
        answer, packed = await raw(jitney, path, TAKEN)
        _, plain = await raw(jitney, path, PLAIN)

        assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "Accept-Encoding")
        assert answer.headers["content-length"] == str(len(packed))
        assert len(packed) < len(plain) / 2
        assert gzip.decompress(packed) == plain


async def test_so_is_what_a_model_answers_with_all_its_headers():
    async with running(gzip_from=1000) as jitney:
        answer = await jitney.ask("life " * 5_000, headers=TAKEN)

        assert answer.json()["result"][0]["text"] == ("LIFE " * 5_000).strip()
        assert answer.headers["content-encoding"] == "gzip"
        assert {"jitney-model", "server-timing", "x-request-id"} <= answer.headers.keys()


@pytest.mark.parametrize(
    ("how", "headers"),
    [
        pytest.param({}, TAKEN, id="unless an operator wants it"),
        pytest.param({"gzip_from": 10**9}, TAKEN, id="when they are not large"),
        pytest.param({"gzip_from": 1}, PLAIN, id="when the client does not take it"),
    ],
)
async def test_answers_are_not_compressed(how, headers):
    async with running(**how) as jitney:
        answer, body = await raw(jitney, "/openapi.json", headers)

        assert "content-encoding" not in answer.headers
        assert body.startswith(b"{")


async def test_what_a_slow_client_has_not_read_is_in_hand():
    reader, text = SlowReader(), "x" * 100_000
    sent = [{"type": "http.request", "body": msgspec.json.encode({"payload": {"records": [{"id": 0, "text": text}]}})}]
    scope = {"type": "http", "method": "POST", "path": "/models/echo", "root_path": ""}
    scope["headers"] = [(b"accept-encoding", b"gzip")]

    async def receive() -> Any:
        return sent.pop() if sent else await asyncio.Event().wait()

    async with running(gzip_from=1000) as jitney:
        asking = asyncio.create_task(jitney.app(scope, receive, reader.send))
        waiting = asyncio.create_task(reader.waits.wait())
        await asyncio.wait({asking, waiting}, return_when=asyncio.FIRST_COMPLETED)

        assert jitney.front_end.bytes_in_hand.held >= len(text)

        reader.reads.set()
        await asyncio.gather(asking, waiting)
        assert jitney.front_end.bytes_in_hand.held == 0
        assert text.upper().encode() in gzip.decompress(reader.body)


async def test_a_problem_is_compressed_as_an_answer_is():
    async with running(gzip_from=1) as jitney:
        answer = await jitney.client.get(f"/v1/models/{'x' * 500}", headers=TAKEN)

        assert (answer.status_code, answer.headers["content-encoding"]) == (404, "gzip")
        assert answer.json()["error"]["code"] == "model_not_found"


async def test_what_would_not_shrink_stays_as_it_is():
    async with running(gzip_from=1) as jitney:
        answer = await jitney.client.get("/nowhere", headers=TAKEN | {"x-request-id": "a"})
        tiny = await jitney.client.post("/models/echo", json={"payload": {"records": []}}, headers=TAKEN)

        assert answer.json()["code"] == "not_found"
        assert ("content-encoding" in tiny.headers, tiny.json()) == (False, {"result": []})


async def test_the_head_of_an_answer_is_that_of_the_whole():
    async with running(gzip_from=1) as jitney:
        head = await jitney.client.head("/openapi.json", headers=TAKEN)

        assert "content-encoding" not in head.headers


async def test_a_stream_is_sent_as_its_rows_end():
    async with running(gzip_from=1) as jitney:
        answer = await jitney.ask("life", headers=TAKEN | {"accept": "application/x-ndjson"})

        assert ("content-encoding" in answer.headers, answer.text.count("\n")) == (False, 2)


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        (b"gzip", True),
        (b"br, GZIP;q=0.5", True),
        (b"x-gzip", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"deflate, br", False),
        (b"gzipped", False),
        (b"", False),
    ],
)
def test_a_client_says_what_it_takes(said, taken):
    assert takes_gzip([(b"accept-encoding", said)]) == taken
