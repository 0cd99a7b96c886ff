"""A connection between two requests, and answers as they are written, on a transport and a clock of our own."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
import structlog

from server.http.context import RequestContext
from tests.unit.server.http.talk import HELLO, KEEP_ALIVE, Talk, answer, body
from tests.unit.server.http.tiny_server import GET, POST

pytestmark = pytest.mark.anyio


async def test_an_answer_of_known_length_is_written_at_once_with_its_head():
    assert await Talk(HELLO, body(b"hello")).hears(GET + b"\r\n") == [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
    ]


async def test_the_head_of_a_stream_does_not_wait_for_its_first_row():
    heard = await Talk(answer(), body(b"row", more=True), body(b"")).hears(GET + b"\r\n")

    assert heard == [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"3\r\nrow\r\n", b"0\r\n\r\n"]


async def test_a_large_body_is_not_copied_behind_its_head():
    large = b"x" * 100_000
    head, rest = await Talk(answer((b"content-length", b"100000")), body(large)).hears(GET + b"\r\n")

    assert (head[-4:], rest) == (b"\r\n\r\n", large)


async def test_whoever_asks_for_the_head_alone_gets_no_body():
    head = GET.replace(b"GET", b"HEAD") + b"\r\n"

    assert await Talk(HELLO, body(b"hello")).hears(head) == [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"]
    assert await Talk(answer(), body(b"row", more=True), body(b"")).hears(head) == [b"HTTP/1.1 200 OK\r\n\r\n"]


@pytest.mark.parametrize("name", [b"x-\r\nset-cookie", b"x"])
async def test_no_header_can_make_a_line_of_its_own(name):
    talk = Talk(answer((b"content-length", b"0"), (name, b"a\r\nset-cookie: b")), body(b""))

    heard = b"".join(await talk.hears(GET + b"\r\n"))

    assert talk.errors == ["a header of this answer holds a control character"]
    assert heard.startswith(b"HTTP/1.1 500 ") and b"cookie" not in heard


@pytest.mark.parametrize("sent", [b"hell", b"hello?"])
async def test_a_body_of_another_length_than_its_head_says_ends_the_connection(sent):
    talk = Talk(HELLO, body(sent))

    await talk.hears(GET + b"\r\n")

    assert (talk.line.ended, len(talk.errors)) == ("closed", 1)


async def test_an_answer_that_breaks_off_ends_the_connection():
    talk = Talk(HELLO)

    assert (await talk.hears(GET + b"\r\n"))[0].endswith(b"content-length: 5\r\n\r\n")
    assert talk.line.ended == "closed"


@pytest.mark.parametrize(("messages", "has_begun"), [([], False), ([HELLO], True)], ids=["none", "a half"])
async def test_an_application_that_gives_no_whole_answer_is_told_of_in_the_log(messages, has_begun):
    talk = Talk(*messages)

    with structlog.testing.capture_logs() as lines:
        await talk.hears(GET + b"\r\n")

    assert lines == [{"event": "answer broken off", "has_begun": has_begun, "log_level": "error"}]


async def test_the_log_names_the_request_whose_answer_breaks_off():
    class Half(Talk):
        async def __call__(self, scope, receive, send):
            scope["context"] = RequestContext(b"abc", 0.0, {})
            await super().__call__(scope, receive, send)
            raise RuntimeError

    with structlog.testing.capture_logs() as lines:
        await Half(HELLO).hears(GET + b"\r\n")

    assert [(line["event"], line["request_id"]) for line in lines] == [
        ("application crashed", "abc"),
        ("answer broken off", "abc"),
    ]


async def test_whoever_waits_to_be_told_to_go_on_is_told_when_the_body_is_asked_for():
    talk = Talk(HELLO, body(b"hello"))
    talk.connection.data_received(POST + b"Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
    while not talk.line.written:
        await asyncio.sleep(0)

    assert talk.line.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    assert (await talk.hears(b"abc"))[1].endswith(b"hello")


async def test_an_idle_connection_is_closed():
    talk = Talk(HELLO, body(b"hello"))

    talk.clock.pass_until(KEEP_ALIVE - 0.1)
    assert not talk.line.ended
    talk.clock.pass_until(KEEP_ALIVE)
    assert talk.line.ended == "closed"


async def test_it_is_idle_from_its_last_answer_on():
    talk = Talk(HELLO, body(b"hello"))
    talk.clock.pass_until(KEEP_ALIVE - 1.0)
    await talk.hears(GET + b"\r\n")

    talk.clock.pass_until(2 * KEEP_ALIVE - 1.1)
    assert not talk.line.ended
    talk.clock.pass_until(2 * KEEP_ALIVE - 1.0)
    assert talk.line.ended == "closed"


@pytest.mark.parametrize("said", [GET, POST + b"Content-Length: 3\r\n\r\n"], ids=["half a head", "half a request"])
async def test_a_connection_is_not_idle_while_a_request_is_under_way(said):
    talk = Talk(HELLO, body(b"hello"))
    await talk.hears(said)

    talk.clock.pass_until(2.9 * KEEP_ALIVE)  # short of the time that a head may take

    assert not talk.line.ended


async def test_an_idle_connection_whose_last_answer_is_not_taken_is_cut_off():
    talk = Talk(HELLO, body(b"hello"))
    talk.line.unread = 1

    talk.clock.pass_until(KEEP_ALIVE)

    assert talk.line.ended == "aborted"


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def _silent(scope, receive, send):
    """An application that waits until its client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _rests(connection):
    while connection.state.tasks:
        await asyncio.sleep(0)


async def test_a_lost_connection_is_free_at_once_with_the_requests_that_never_began(no_collector):
    talk = Talk()
    connection = talk.connection
    connection._app = _silent
    connection.data_received(3 * (GET + b"\r\n"))
    connection.connection_lost(None)
    await _rests(connection)

    gone = weakref.ref(connection)
    talk.connection = connection = None
    talk.clock.timers.clear()

    assert gone() is None


async def test_a_request_whose_client_sends_no_more_is_free_at_once(no_collector):
    talk = Talk(HELLO, body(b"hello"))
    talk.connection.data_received(GET + b"\r\n")
    talk.connection.eof_received()
    gone = weakref.ref(talk.connection.last.transport)
    await _rests(talk.connection)

    talk.connection.connection_lost(None)
    talk.clock.timers.clear()

    assert gone() is None
