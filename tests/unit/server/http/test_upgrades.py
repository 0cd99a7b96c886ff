"""A wish to go on in another protocol is ignored: the request is answered in this one."""

from __future__ import annotations

import asyncio

import pytest

from server.http.connection.bounds import MAX_HEAD
from tests.unit.server.http.tiny_server import GET, PATIENCE, POST, serving, told

pytestmark = pytest.mark.anyio


async def test_who_asks_for_another_protocol_is_answered_in_this_one():
    async with serving() as server:
        asked = GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        answer = await server.say(asked + GET + b"Connection: close\r\n\r\n")

        assert answer.count(b"hello") == 2


# What Java's HttpClient says by default: 400 once, because the parser took the body for bytes of the other protocol.
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
LENGTH = POST + UPGRADE + b"Content-Length: 10\r\n\r\n"
CHUNKED = POST + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = GET + b"Connection: close\r\n\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([LENGTH + b"0123456789" + LAST], id="all at once"),
        pytest.param([LENGTH[:99], LENGTH[99:] + b"01234", b"56789", LAST], id="in pieces"),
        pytest.param([CHUNKED + b"4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n" + LAST], id="chunked, all at once"),
        pytest.param([CHUNKED, b"4\r\n01", b"23\r\n6\r\n456789\r\n0\r\n\r\n", LAST], id="chunked, in pieces"),
    ],
)
async def test_an_upgrade_does_not_lose_the_body(parts):
    async with serving() as server:
        answer = await server.say(*parts)

        assert (answer.count(b"200 OK"), answer.count(b"hello")) == (2, 2)
        assert server.bodies == [b"0123456789", b""]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(LENGTH, b"0123456789", id="of a length"),
        pytest.param(CHUNKED, b"4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n", id="chunked"),
    ],
)
async def test_a_body_that_comes_later_than_the_head_with_the_upgrade_is_read_too(head, body):
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head)
        await asyncio.wait_for(server.requests.get(), PATIENCE)
        writer.write(body + LAST)
        answer = await asyncio.wait_for(reader.read(), PATIENCE)

        assert answer.count(b"hello") == 2
        assert server.bodies == [b"0123456789", b""]
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"POST / HTTP/1.1\r\nConnection: close, Upgrade\r\n", id="by a word"),
        pytest.param(b"POST / HTTP/1.0\r\nConnection: Upgrade\r\n", id="by its version"),
    ],
)
async def test_an_upgrade_on_a_connection_that_ends_with_it_is_answered(head):
    async with serving() as server:
        answer = await server.say(head + b"Upgrade: h2c\r\nContent-Length: 3\r\n\r\none")

        assert answer.endswith(b"hello")
        assert server.bodies == [b"one"]


async def test_pipelined_upgrades_are_answered_one_after_the_other():
    async with serving() as server:
        first = GET + b"\r\n" + CHUNKED + b"3\r\none\r\n0\r\n\r\n"
        answer = await server.say(first + LENGTH + b"0123456789" + GET + UPGRADE + b"\r\n" + LAST)

        assert answer.count(b"hello") == 5
        assert server.bodies == [b"", b"one", b"0123456789", b"", b""]


async def test_more_upgrades_at_once_than_python_nests_calls_are_all_answered():
    async with serving() as server:
        answer = await server.say((GET + UPGRADE + b"\r\n") * 1_200 + LAST)

        assert answer.count(b"hello") == 1_201


async def test_a_broken_body_behind_an_upgrade_is_malformed_like_any_other():
    async with serving() as server:
        assert told(await server.say(CHUNKED + b"xyz\r\n")) == (400, "malformed")


async def test_a_head_beyond_its_bounds_is_431_also_with_an_upgrade():
    async with serving() as server:
        head = GET + UPGRADE + b"x: " + b"y" * MAX_HEAD + b"\r\n\r\n"

        assert told(await server.say(head)) == (431, "headers_too_large")
        assert server.requests.empty()


async def test_a_tunnel_is_malformed_and_never_opened():
    async with serving() as server:
        assert told(await server.say(b"CONNECT jitney:80 HTTP/1.1\r\n" + UPGRADE + b"\r\n")) == (400, "malformed")
        assert server.requests.empty()
