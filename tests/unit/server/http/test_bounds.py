"""What ends before there is a request: heads without end, slow clients, and bytes that are no HTTP."""

from __future__ import annotations

import asyncio

import pytest

from server.http.connection import bounds
from server.http.connection.bounds import MAX_HEAD, MAX_HEADERS
from tests.unit.server.http.tiny_server import GET, PATIENCE, POST, serving, told

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"\x00\xff\x13\x37\r\n\r\n", id="noise"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 99, id="a TLS hello"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="the preface of HTTP/2"),
        pytest.param(b"FROB / HTTP/1.1\r\n\r\n", id="a method nobody knows"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="a version nobody knows"),
        pytest.param(b"GET /\xff HTTP/1.1\r\n\r\n", id="a path of high bytes"),
        pytest.param(POST + b"Content-Length: many\r\n\r\n", id="a length that is no number"),
        pytest.param(POST + b"Content-Length: -1\r\n\r\n", id="a length below zero"),
        pytest.param(POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", id="two lengths"),
        pytest.param(POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", id="a length, and chunks"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc", id="a chunk of no size"),
        pytest.param(GET + b"na me: x\r\n\r\n", id="a header with a blank in its name"),
        pytest.param(GET + b"name: a\x00b\r\n\r\n", id="a header with a null byte"),
    ],
)
async def test_what_is_no_http_is_told_so_and_the_connection_ends(said):
    async with serving() as server:
        assert told(await server.say(said)) == (400, "malformed")
        assert server.refused == ["malformed"]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([GET + b"x: " + b"y" * MAX_HEAD + b"\r\n\r\n"], id="one large header at once"),
        pytest.param([GET + b"x: ", *[b"y" * 60_000] * 20], id="one large header, piece by piece"),
        pytest.param([b"GET /", *[b"y" * 60_000] * 20], id="a request line without end"),
        pytest.param([GET + b"x: y\r\n" * MAX_HEADERS + b"\r\n"], id="too many headers"),
        pytest.param([GET, *[b"x: y\r\n" * 1_000] * 200], id="headers without end"),
    ],
)
async def test_a_head_beyond_its_bounds_is_431(parts):
    async with serving() as server:
        assert told(await server.say(*parts)) == (431, "headers_too_large")
        assert server.requests.empty()


async def test_a_head_within_its_bounds_is_served_in_whatever_pieces_it_comes():
    head = GET + b"x: " + b"y" * (MAX_HEAD - 200) + b"\r\nConnection: close\r\n\r\n"
    async with serving() as server:
        answer = await server.say(*[head[at : at + 10_000] for at in range(0, len(head), 10_000)])

        assert answer.endswith(b"hello")


async def test_what_was_before_a_head_does_not_count_as_part_of_it():
    body = b"z" * 150_000
    async with serving() as server:
        first = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
        answer = await server.say(first + GET, b"Connection: close\r\n\r\n")

        assert answer.count(b"hello") == 2


async def test_headers_are_not_even_kept_beyond_their_number():
    async with serving() as server:
        await server.say(GET + b"x:\r\n" * 40_000 + b"\r\n")

        assert len(server.made[0].headers) == MAX_HEADERS + 1


async def test_a_client_that_takes_nothing_of_its_answer_is_left(monkeypatch):
    monkeypatch.setattr(bounds, "STALLED_SECONDS", 0.05)
    async with serving() as server:
        server.answer = b"x" * 30_000_000
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(GET + b"\r\n")
        await asyncio.wait_for(server.requests.get(), PATIENCE)
        while server.made[0].parser is not None:  # until its connection is lost
            await asyncio.sleep(0.01)

        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(len(server.answer))
        writer.close()


async def test_a_client_that_takes_its_answer_slowly_has_all_of_it(monkeypatch):
    monkeypatch.setattr(bounds, "STALLED_SECONDS", 0.3)
    async with serving() as server:
        server.answer = b"x" * 30_000_000
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=65_536)
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        taken = 0
        while taken < len(server.answer):
            taken += len(await reader.read(2_000_000))
            await asyncio.sleep(0.03)

        assert taken == len(server.answer)
        writer.close()


async def test_headers_that_come_slowly_are_408(monkeypatch):
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.05)
    async with serving() as server:
        assert told(await server.say(GET + b"x: y")) == (408, "request_timeout")


async def test_headers_that_come_slowly_behind_requests_under_way_end_the_connection_after_their_answers(monkeypatch):
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.05)
    async with serving() as server:
        server.may_answer.clear()
        asking = asyncio.create_task(server.say(GET + b"\r\n" + GET + b"\r\n" + GET))
        while not server.refused:
            await asyncio.sleep(0.001)
        server.may_answer.set()
        answer = await asyncio.wait_for(asking, PATIENCE)

        assert (answer.count(b"HTTP/1.1"), answer.count(b"hello")) == (2, 2)


async def test_garbage_behind_a_good_request_does_not_spoil_its_answer():
    async with serving() as server:
        answer = await server.say(GET + b"\r\n" + b"\x00\x01 garbage")

        assert answer.count(b"HTTP/1.1") == 1
        assert answer.endswith(b"hello")


async def test_whoever_waits_for_a_body_that_breaks_is_told_at_once_that_its_client_has_gone(monkeypatch):
    monkeypatch.setattr(bounds, "LINGER", 10 * PATIENCE)
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzzz\r\n")
        seen = [await asyncio.wait_for(server.requests.get(), PATIENCE) for _ in range(2)]

        assert seen == ["/", "gone"]
        assert told(await asyncio.wait_for(reader.read(), PATIENCE)) == (400, "malformed")
        writer.close()


# "100 Continue" was written behind the refusal: an exception, and a traceback for whoever cared to send this.
async def test_whoever_waits_to_be_told_to_go_on_is_not_when_its_body_is_broken_already():
    async with serving() as server:
        broken = b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n"

        assert told(await server.say(POST + broken)) == (400, "malformed")
        seen = [await asyncio.wait_for(server.requests.get(), PATIENCE) for _ in range(2)]
        assert seen == ["/", "gone"]
