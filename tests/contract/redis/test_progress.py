"""A slow link is no dead one: the time limit of a connection counts from the last byte that moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

import pytest
import redis.exceptions

from broker.redis.connection import make_client
from broker.redis.link import SLICE

pytestmark = pytest.mark.anyio
LIMIT = 0.15  # seconds
GREETINGS = {b"HELLO\r\n": b"%1\r\n+proto\r\n:3\r\n", b"PING\r\n": b"+PONG\r\n", b"SETNAME\r\n": b"+OK\r\n"}
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[redis.asyncio.Redis]:
    """Greets as Redis does; `serve` has the connection from its first command on."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (word := await reader.readline()) not in (b"GET\r\n", b"SET\r\n"):
                writer.write(GREETINGS.get(word, b""))
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1 << 16)
    port = listening.sockets[0].getsockname()[1]
    client = make_client(f"redis://127.0.0.1:{port}/0", name="test", socket_timeout=LIMIT)
    try:
        yield client
    finally:
        await client.aclose()
        listening.close()


async def test_a_reply_that_trickles_in_is_waited_for() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in (b"$8\r\n", *[b"ab"] * 4, b"\r\n"):
            writer.write(piece)
            await asyncio.sleep(LIMIT / 2)

    async with server(drip) as client:
        assert await client.get("a") == b"abababab"


async def test_a_reply_that_stops_half_way_is_given_up() -> None:
    async def stop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"$8\r\nab")
        await asyncio.sleep(10)

    async with server(stop) as client:
        began = monotonic()
        with pytest.raises(redis.exceptions.TimeoutError):
            await client.get("a")

    assert monotonic() - began < 20 * LIMIT


async def test_silence_is_given_up() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(10)

    async with server(say_nothing) as client:
        with pytest.raises(redis.exceptions.TimeoutError):
            await client.get("a")


async def test_a_long_command_may_take_its_time_for_as_long_as_it_moves() -> None:
    size = 16 * SLICE

    async def sip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = size
        while left > 0:
            left -= len(await reader.read(SLICE // 2))
            await asyncio.sleep(LIMIT / 8)
        writer.write(b"+OK\r\n")

    async with server(sip) as client:
        began = monotonic()
        assert await client.set("a", b"x" * size)

    assert monotonic() - began > 2 * LIMIT


async def test_a_server_that_reads_no_more_is_given_up() -> None:
    async def read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(10)

    async with server(read_nothing) as client:
        with pytest.raises(redis.exceptions.TimeoutError):
            await client.set("a", b"x" * (64 << 20))


async def test_an_error_reply_breaks_no_connection() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-ERR no\r\n")
        await reader.readuntil(b"GET")
        writer.write(b"+yes\r\n")
        await asyncio.sleep(10)

    async with server(refuse) as client:
        with pytest.raises(redis.exceptions.ResponseError):
            await client.get("a")
        assert await client.get("a") == b"yes"
