"""Requests in hand are bounded in bytes: a process is not ended by many slow ones."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from server.errors import Problem
from server.http.bytes_in_hand import SMALL, BytesInHand
from server.settings import ServerSettings
from tests.unit.server.stand_in import ScriptedBroker, running

pytestmark = pytest.mark.anyio

MOST = 80 * SMALL


def told(answer):
    return answer.status_code, answer.json()["code"]


class Uploads:
    """Clients that begin to send and never end, until the `with` ends."""

    def __init__(self, jitney):
        self._jitney = jitney
        self._tasks = []

    async def begin(self, size=None, chunk=b"{"):
        """Returns once the front end has read what came."""
        read, chunks = asyncio.Event(), [{"type": "http.request", "body": chunk, "more_body": True}]
        gone = asyncio.Event()

        async def receive():
            if chunks:
                return chunks.pop()
            read.set()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.start":
                self.last_status = message["status"]
            read.set()

        headers = [] if size is None else [(b"content-length", b"%d" % size)]
        scope = {"type": "http", "method": "POST", "path": "/models/echo", "headers": headers, "root_path": ""}
        self.last_status = None
        self._tasks.append((asyncio.create_task(self._jitney.app(scope, receive, send)), gone))
        await read.wait()
        return self.last_status

    async def end(self):
        for task, gone in self._tasks:
            gone.set()
            await task


@pytest.fixture
async def jitney():
    async with running(max_bytes_in_hand=MOST, max_body_bytes=40 * SMALL) as made:
        yield made


@pytest.fixture
async def uploads(jitney):
    begun = Uploads(jitney)
    yield begun
    await begun.end()
    assert jitney.front_end.bytes_in_hand.held == 0


async def test_what_a_body_says_of_its_size_counts_at_once(jitney, uploads):
    assert await uploads.begin(size=40 * SMALL) is None

    assert jitney.front_end.bytes_in_hand.held == 40 * SMALL


async def test_a_body_without_a_size_counts_as_it_comes(jitney, uploads):
    assert await uploads.begin(chunk=b"x" * 1000) is None

    assert jitney.front_end.bytes_in_hand.held == 1000


async def test_what_has_no_room_is_503_and_told_when_to_come_back(jitney, uploads):
    for _ in range(2):
        await uploads.begin(size=35 * SMALL)

    answer = await jitney.client.post("/models/echo", content=b"x" * SMALL * 2)

    assert told(answer) == (503, "overloaded")
    assert int(answer.headers["retry-after"]) >= 1


async def test_chunks_that_have_no_room_are_503(uploads):
    for _ in range(2):
        await uploads.begin(size=35 * SMALL)

    assert await uploads.begin(chunk=b"x" * SMALL * 2) == 503


async def test_a_small_request_passes_beside_many_slow_large_ones(jitney, uploads):
    for _ in range(2):
        await uploads.begin(size=35 * SMALL)

    assert (await jitney.ask("one")).status_code == 200


async def test_small_ones_are_bounded_too(uploads):
    seen = [await uploads.begin(size=SMALL) for _ in range(MOST // SMALL + 1)]

    assert seen == [None] * (MOST // SMALL) + [503]


@pytest.mark.parametrize("text", ["one", "impossible", "fail:model_error", "undecodable", "bug", ""])
async def test_whatever_becomes_of_a_request_its_bytes_are_given_back(jitney, text):
    await jitney.ask(text)

    assert jitney.front_end.bytes_in_hand.held == 0


async def test_whoever_hangs_up_gives_back_its_bytes(jitney):
    jitney.broker.answers = False
    await jitney.hang_up_on("one")

    assert jitney.front_end.bytes_in_hand.held == 0


async def test_what_is_in_work_counts_with_what_was_made_of_it():
    broker = ScriptedBroker(answers=False)
    async with running(broker) as jitney, jitney.asked("one two three"):
        assert jitney.front_end.bytes_in_hand.held > 3 * 1024


def test_nothing_is_taken_where_there_is_no_room():
    everybody = BytesInHand(MOST)

    with ExitStack() as stack:
        held = stack.enter_context(everybody.hold())
        held.up_to(40 * SMALL)
        with pytest.raises(Problem):
            held.up_to(80 * SMALL)
        assert everybody.held == 40 * SMALL


def test_room_for_less_than_one_body_is_refused_at_the_start():
    texts = {"max_cluster_bytes": 1, "max_image_body_bytes": 1}
    assert ServerSettings(max_bytes_in_hand=1 << 20, **texts).complaints()
    assert not ServerSettings(max_bytes_in_hand=2 << 20, **texts).complaints()
    assert ServerSettings(max_bytes_in_hand=8 << 20, max_cluster_bytes=1).complaints()
    assert not ServerSettings(max_bytes_in_hand=10 << 20, max_cluster_bytes=1).complaints()
