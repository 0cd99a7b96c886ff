"""A link is for one caller at a time: answers in order, nothing twice, and no answer to anybody else's question."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import pytest
import redis.exceptions

from broker.redis.client import Client
from broker.redis.connection import make_client

pytestmark = pytest.mark.anyio
GREETINGS = {b"CLIENT": b"", b"HELLO": b"%1\r\n+proto\r\n:3\r\n", b"SETNAME": b"+OK\r\n"}
Say = Callable[[bytes], bytes | None]


class Scripted:
    """A server that greets as Redis does, and says to each word what `say` has for it; None ends the connection."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.heard: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with suppress(ConnectionError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := (await reader.readline()).strip():
            if line in GREETINGS:
                writer.write(GREETINGS[line])
            elif line.isupper() and not line.startswith(b"$"):  # no lengths, no names
                self.heard.append(line)
                if (said := self._say(line)) is None:
                    break
                writer.write(said)


@asynccontextmanager
async def scripted(say: Say) -> AsyncIterator[tuple[Client, Scripted]]:
    server = Scripted(say)
    listening = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        async with make_client(f"redis://127.0.0.1:{port}/0", name="test", socket_timeout=5.0) as client:
            yield client, server
    finally:
        listening.close()


def said(words: dict[bytes, bytes]) -> Say:
    return lambda line: words.get(line, b"")


async def heard(server: Scripted, word: bytes, times: int = 1) -> None:
    """Until the server has."""
    while server.heard.count(word) < times:
        await asyncio.sleep(0.001)


async def test_answers_come_in_order_and_an_error_is_one_of_them() -> None:
    async with scripted(said({b"A": b"+one\r\n", b"B": b"-ERR no\r\n", b"C": b"*2\r\n:3\r\n$1\r\nx\r\n"})) as (
        client,
        _,
    ):
        one, error, three = await client.trip(("A",), ("B",), ("C",))

    assert (one, str(error), three) == (b"one", "no", [3, b"x"])


async def test_a_link_serves_one_trip_after_another() -> None:
    async with scripted(said({b"A": b"+one\r\n", b"B": b"-ERR no\r\n"})) as (client, server):
        for _ in range(3):
            await client.trip(("A",), ("B",))

    assert len(server.writers) == 1


async def test_callers_at_the_same_time_have_a_link_each() -> None:
    async with scripted(said({b"A": b"+one\r\n"})) as (client, server):
        waiting = asyncio.create_task(client.trip(("WAIT",)))
        await heard(server, b"WAIT")

        assert await client.trip(("A",)) == [b"one"]

        server.writers[0].write(b"+late\r\n")
        assert await waiting == [b"late"]


async def test_the_answer_to_a_caller_who_has_gone_is_nobodys() -> None:
    async with scripted(said({b"A": b"+one\r\n"})) as (client, server):
        gone = asyncio.create_task(client.trip(("WAIT",)))
        await heard(server, b"WAIT")
        [link] = client._links

        gone.cancel()
        link.data_received(b"+not yours\r\n")  # before the caller's task goes on

        assert await client.trip(("A",)) == [b"one"]
        assert not link.is_open


async def test_a_caller_who_goes_ends_the_connection() -> None:
    async with scripted(said({})) as (client, server):
        gone = asyncio.create_task(client.trip(("WAIT",)))
        await heard(server, b"WAIT")

        gone.cancel()
        await asyncio.wait([gone])

        assert not any(link.is_open for link in client._links)


async def test_what_comes_unasked_does_not_change_an_answer_that_was_given() -> None:
    async with scripted(said({b"A": b"+one\r\n"})) as (client, _):
        answers = await client.trip(("A",))
        [link] = client._links

        link.data_received(b"+unasked\r\n")

        assert answers == [b"one"]


@pytest.mark.parametrize("unasked", [b"+unasked\r\n", b"+una", b"nonsense\r\n"])
async def test_a_link_on_which_something_comes_unasked_is_given_up(unasked: bytes) -> None:
    async with scripted(said({b"A": b"+one\r\n"})) as (client, server):
        await client.trip(("A",))
        [writer] = server.writers
        writer.write(unasked)
        await until_closed(client)

        assert await client.trip(("A",)) == [b"one"]


async def until_closed(client: Client) -> None:
    while any(link.is_open for link in client._idle):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("more", [b"+one\r\n+two\r\n", b"+one\r\n$3\r\nx", b"one\r\n"])
async def test_more_than_was_asked_for_is_no_answer(more: bytes) -> None:
    async with scripted(said({b"A": more})) as (client, _):
        with pytest.raises(redis.exceptions.RedisError):
            await client.trip(("A",))


async def test_what_a_server_pushes_is_no_answer() -> None:
    async with scripted(said({b"A": b">2\r\n+invalidate\r\n+x\r\n+one\r\n"})) as (client, _):
        assert await client.trip(("A",)) == [b"one"]


async def test_a_connection_that_ends_before_the_answer_is_an_error_and_nothing_is_sent_twice() -> None:
    async with scripted(lambda line: None if line == b"A" else b"+one\r\n") as (client, server):
        with pytest.raises(redis.exceptions.ConnectionError):
            await client.trip(("A",), ("B",))
        assert await client.trip(("C",)) == [b"one"]

    assert server.heard == [b"A", b"C"]


@pytest.mark.parametrize("refusal", [b"-READONLY a replica\r\n", b"*2\r\n+one\r\n-READONLY a replica\r\n"])
async def test_a_replica_is_left_once_its_answer_was_given(refusal: bytes) -> None:
    async with scripted(said({b"A": refusal})) as (client, server):
        await client.trip(("A",))
        await client.trip(("A",))

    assert len(server.writers) == 2


async def test_a_link_that_broke_takes_its_idle_neighbours_with_it() -> None:
    async with scripted(lambda line: None if line == b"END" else b"+one\r\n") as (client, server):
        await asyncio.gather(client.trip(("A",)), client.trip(("A",)), client.trip(("A",)))
        with pytest.raises(redis.exceptions.ConnectionError):
            await client.trip(("END",))

        await client.trip(("A",))

    assert len(server.writers) == 4


async def test_a_transaction_that_is_refused_raises_what_it_was_refused_for() -> None:
    words = {b"MULTI": b"+OK\r\n", b"A": b"-OOM no memory\r\n", b"B": b"+QUEUED\r\n", b"EXEC": b"-EXECABORT gone\r\n"}
    async with scripted(said(words)) as (client, _):
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            await client.atomic(("B",), ("A",))


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def test_links_that_broke_leave_nothing_to_the_garbage_collector(no_collector: None) -> None:
    async with scripted(lambda line: None) as (client, _):
        for _ in range(3):
            with pytest.raises(redis.exceptions.ConnectionError):
                await client.trip(("A",))

        await asyncio.sleep(0)

        assert len(client._links) == 0


async def test_an_idle_link_keeps_no_answers() -> None:
    async with scripted(said({b"A": b"+one\r\n"})) as (client, _):
        answers, ours = await client.trip(("A",)), [b"one"]
        await asyncio.sleep(0)

        assert sys.getrefcount(answers) == sys.getrefcount(ours)


async def test_what_cannot_be_packed_breaks_nothing() -> None:
    async with scripted(said({b"A": b"+one\r\n"})) as (client, server):
        await client.trip(("A",))
        with pytest.raises(TypeError):
            await client.trip(("A", object()))
        await client.trip(("A",))

    assert len(server.writers) == 1
