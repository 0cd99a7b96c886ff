"""What ends before there is a request: heads without end, clients that dawdle, and bytes that are no HTTP."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from uvicorn.server import ServerState

from server.http import bounds as protocol
from server.http.bounds import MAX_HEAD, MAX_HEADERS, BoundedProtocol

pytestmark = pytest.mark.anyio

GET = b"GET / HTTP/1.1\r\nHost: jitney\r\n"
POST = b"POST / HTTP/1.1\r\nHost: jitney\r\n"
PATIENCE = 20.0  # seconds: a busy machine is no failure


class Porter:
    """A server of one small application, which answers "hello" when `may_answer` is set, and its connections."""

    def __init__(self):
        self.refused = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.requests = asyncio.Queue()
        self.bodies = []
        self.made = []
        self.port = 0
        self.answer = b"hello"

    async def __call__(self, scope, receive, send):
        self.requests.put_nowait(scope["path"])
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        if message["type"] == "http.disconnect":
            self.requests.put_nowait("gone")
            return
        self.bodies.append(body)
        await self.may_answer.wait()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(self.answer))]}
        )
        await send({"type": "http.response.body", "body": self.answer})

    async def say(self, *parts):
        """Send these, and whatever comes back until the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            with suppress(ConnectionError):
                for part in parts:
                    writer.write(part)
                    await writer.drain()
            return await asyncio.wait_for(reader.read(), PATIENCE)
        finally:
            writer.close()


@asynccontextmanager
async def porter():
    pending = Porter()
    config, state = uvicorn.Config(pending, log_config=None, access_log=False, lifespan="off"), ServerState()

    def made():
        pending.made.append(BoundedProtocol(config, state, {}, on_refusal=pending.refused.append))
        return pending.made[-1]

    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    pending.port = server.sockets[0].getsockname()[1]
    try:
        yield pending
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)


def told(answer):
    """Status and code of the last answer, when it is a problem that ends the connection."""
    head, body = answer.rsplit(b"\r\n\r\n", 1)
    head = head[head.rindex(b"HTTP/1.1") :]
    assert b"application/problem+json" in head
    assert b"connection: close" in head
    problem = json.loads(body)
    assert problem["status"] == int(head.split()[1])
    return problem["status"], problem["code"]


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
    async with porter() as pending:
        assert told(await pending.say(said)) == (400, "malformed")
        assert pending.refused == ["malformed"]


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
    async with porter() as pending:
        assert told(await pending.say(*parts)) == (431, "headers_too_large")
        assert pending.requests.empty()


async def test_a_head_within_its_bounds_is_served_in_whatever_pieces_it_comes():
    head = GET + b"x: " + b"y" * (MAX_HEAD - 200) + b"\r\nConnection: close\r\n\r\n"
    async with porter() as pending:
        answer = await pending.say(*[head[at : at + 10_000] for at in range(0, len(head), 10_000)])

        assert answer.endswith(b"hello")


async def test_what_was_before_a_head_does_not_count_as_part_of_it():
    body = b"z" * 150_000
    async with porter() as pending:
        first = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
        answer = await pending.say(first + GET, b"Connection: close\r\n\r\n")

        assert answer.count(b"hello") == 2


async def test_headers_are_not_even_kept_beyond_their_number():
    async with porter() as pending:
        await pending.say(GET + b"x:\r\n" * 40_000 + b"\r\n")

        assert len(pending.made[0].headers) == MAX_HEADERS + 1


async def test_a_client_that_takes_nothing_of_its_answer_is_left(monkeypatch):
    monkeypatch.setattr(protocol, "STALLED_SECONDS", 0.05)
    async with porter() as pending:
        pending.answer = b"x" * 30_000_000
        reader, writer = await asyncio.open_connection("127.0.0.1", pending.port, limit=1024)
        writer.write(GET + b"\r\n")
        await asyncio.wait_for(pending.requests.get(), PATIENCE)
        while pending.made[0].parser is not None:  # until its connection is lost
            await asyncio.sleep(0.01)

        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(len(pending.answer))
        writer.close()


async def test_a_client_that_takes_its_answer_slowly_has_all_of_it(monkeypatch):
    monkeypatch.setattr(protocol, "STALLED_SECONDS", 0.3)
    async with porter() as pending:
        pending.answer = b"x" * 30_000_000
        reader, writer = await asyncio.open_connection("127.0.0.1", pending.port, limit=65_536)
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        taken = 0
        while taken < len(pending.answer):
            taken += len(await reader.read(2_000_000))
            await asyncio.sleep(0.03)

        assert taken == len(pending.answer)
        writer.close()


async def test_headers_that_dawdle_are_408(monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    async with porter() as pending:
        assert told(await pending.say(GET + b"x: y")) == (408, "request_timeout")


async def test_headers_that_dawdle_behind_requests_under_way_end_the_connection_after_their_answers(monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    async with porter() as pending:
        pending.may_answer.clear()
        asking = asyncio.create_task(pending.say(GET + b"\r\n" + GET + b"\r\n" + GET))
        while not pending.refused:
            await asyncio.sleep(0.001)
        pending.may_answer.set()
        answer = await asyncio.wait_for(asking, PATIENCE)

        assert (answer.count(b"HTTP/1.1"), answer.count(b"hello")) == (2, 2)


async def test_a_connection_that_never_asks_is_closed_like_an_idle_one():
    async with porter() as pending:
        reader, writer = await asyncio.open_connection("127.0.0.1", pending.port)
        await asyncio.wait_for(_made(pending), PATIENCE)

        pending.made[0].timeout_keep_alive = 0.0
        writer.write(b"\r\n")

        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        writer.close()


async def _made(pending):
    while not pending.made or pending.made[0].timeout_keep_alive_task is None:
        await asyncio.sleep(0.001)


async def test_garbage_behind_a_good_request_does_not_spoil_its_answer():
    async with porter() as pending:
        answer = await pending.say(GET + b"\r\n" + b"\x00\x01 garbage")

        assert answer.count(b"HTTP/1.1") == 1
        assert answer.endswith(b"hello")


async def test_whoever_waits_for_a_body_that_breaks_is_told_at_once_that_its_client_has_gone(monkeypatch):
    monkeypatch.setattr(protocol, "LINGER", 10 * PATIENCE)
    async with porter() as pending:
        reader, writer = await asyncio.open_connection("127.0.0.1", pending.port)
        writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzzz\r\n")
        seen = [await asyncio.wait_for(pending.requests.get(), PATIENCE) for _ in range(2)]

        assert seen == ["/", "gone"]
        assert told(await asyncio.wait_for(reader.read(), PATIENCE)) == (400, "malformed")
        writer.close()


# "100 Continue" was written behind the refusal: an exception, and a traceback for whoever cared to send this.
async def test_whoever_waits_to_be_told_to_go_on_is_not_when_its_body_is_broken_already():
    async with porter() as pending:
        broken = b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n"

        assert told(await pending.say(POST + broken)) == (400, "malformed")
        seen = [await asyncio.wait_for(pending.requests.get(), PATIENCE) for _ in range(2)]
        assert seen == ["/", "gone"]


async def test_whoever_asks_to_go_on_in_another_protocol_is_answered_in_this_one():
    async with porter() as pending:
        asked = GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        answer = await pending.say(asked + GET + b"Connection: close\r\n\r\n")

        assert answer.count(b"hello") == 2


# What Java's HttpClient says by default: 400 once, because the parser took the body for bytes of the other protocol.
WISH = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
LENGTH = POST + WISH + b"Content-Length: 10\r\n\r\n"
CHUNKED = POST + WISH + b"Transfer-Encoding: chunked\r\n\r\n"
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
async def test_a_wish_for_another_protocol_does_not_lose_the_body(parts):
    async with porter() as pending:
        answer = await pending.say(*parts)

        assert (answer.count(b"200 OK"), answer.count(b"hello")) == (2, 2)
        assert pending.bodies == [b"0123456789", b""]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(LENGTH, b"0123456789", id="of a length"),
        pytest.param(CHUNKED, b"4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n", id="chunked"),
    ],
)
async def test_a_body_that_comes_later_than_the_wish_is_read_too(head, body):
    async with porter() as pending:
        reader, writer = await asyncio.open_connection("127.0.0.1", pending.port)
        writer.write(head)
        await asyncio.wait_for(pending.requests.get(), PATIENCE)
        writer.write(body + LAST)
        answer = await asyncio.wait_for(reader.read(), PATIENCE)

        assert answer.count(b"hello") == 2
        assert pending.bodies == [b"0123456789", b""]
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"POST / HTTP/1.1\r\nConnection: close, Upgrade\r\n", id="by a word"),
        pytest.param(b"POST / HTTP/1.0\r\nConnection: Upgrade\r\n", id="by its version"),
    ],
)
async def test_a_wish_on_a_connection_that_ends_with_it_is_answered(head):
    async with porter() as pending:
        answer = await pending.say(head + b"Upgrade: h2c\r\nContent-Length: 3\r\n\r\none")

        assert answer.endswith(b"hello")
        assert pending.bodies == [b"one"]


async def test_pipelined_wishes_are_answered_one_after_the_other():
    async with porter() as pending:
        first = GET + b"\r\n" + CHUNKED + b"3\r\none\r\n0\r\n\r\n"
        answer = await pending.say(first + LENGTH + b"0123456789" + GET + WISH + b"\r\n" + LAST)

        assert answer.count(b"hello") == 5
        assert pending.bodies == [b"", b"one", b"0123456789", b"", b""]


async def test_more_wishes_at_once_than_python_nests_calls_are_all_answered():
    async with porter() as pending:
        answer = await pending.say((GET + WISH + b"\r\n") * 1_200 + LAST)

        assert answer.count(b"hello") == 1_201


async def test_a_broken_body_behind_a_wish_is_malformed_like_any_other():
    async with porter() as pending:
        assert told(await pending.say(CHUNKED + b"xyz\r\n")) == (400, "malformed")


async def test_a_head_beyond_its_bounds_is_431_also_with_a_wish():
    async with porter() as pending:
        head = GET + WISH + b"x: " + b"y" * MAX_HEAD + b"\r\n\r\n"

        assert told(await pending.say(head)) == (431, "headers_too_large")
        assert pending.requests.empty()


async def test_a_tunnel_is_malformed_and_never_opened():
    async with porter() as pending:
        assert told(await pending.say(b"CONNECT jitney:80 HTTP/1.1\r\n" + WISH + b"\r\n")) == (400, "malformed")
        assert pending.requests.empty()
