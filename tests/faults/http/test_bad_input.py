"""What clients send that no client should, by raw sockets to a real front end: a clear word, and life goes on."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.kit import oracle
from tests.faults.kit.traffic import ask
from tests.integration.processes import HOST
from tests.integration.stack import Stack, stack

PATIENCE = 20.0  # seconds: a busy machine is no failure
LIMIT = 1 << 20  # bytes of a body, the default
MORE_MEMORY = 100 << 20  # bytes that the front end may grow by in one test
POST = b"POST /models/synthetic HTTP/1.1\r\nHost: jitney\r\nContent-Type: application/json\r\n"
GOOD = b'{"payload": {"records": [{"id": "1", "text": "ab"}]}}'


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with stack(models=["synthetic:1ms+0.1ms"]) as made:
        oracle.check_answers(ask(made.urls, 20))
        yield made


@pytest.fixture(autouse=True)
def nobody_is_harmed(system: Stack) -> Iterator[None]:
    (front_end,) = system.front_ends
    before = memory(front_end.pid)

    yield

    oracle.check_nothing_left(system)
    assert memory(front_end.pid) - before < MORE_MEMORY
    assert "Traceback" not in system.outputs()
    assert '"level": "error"' not in front_end.stderr()


def memory(pid: int) -> int:
    """Resident bytes."""
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def say(system: Stack, *parts: bytes, then_wait: bool = True) -> bytes:
    """Send these, and return the first answer."""
    with socket.create_connection((HOST, system.front_ends[0].port), timeout=PATIENCE) as line:
        with suppress(ConnectionError):  # it may have answered, and closed, before all was said
            for part in parts:
                line.sendall(part)
        return _answer(line)


def _answer(line: socket.socket) -> bytes:
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += _more(line)
    head, _, body = heard.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += _more(line)
    return head + b"\r\n\r\n" + body


def _more(line: socket.socket) -> bytes:
    heard = line.recv(65536)
    assert heard, "the connection ended before the answer did"
    return heard


def told(answer: bytes) -> tuple[int, str]:
    """Status and code of a problem; (200, "") for a result."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, said = int(head.split()[1]), json.loads(body)
    if status == 200:
        return status, ""
    assert b"application/problem+json" in head
    assert said["status"] == status
    assert said["request_id"].encode() in head
    return status, said["code"]


def request(body: bytes = GOOD, *headers: bytes) -> bytes:
    return POST + b"".join(header + b"\r\n" for header in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def one(text: str, id: str = '"1"', **more: str) -> bytes:
    """A body with one record, of raw JSON."""
    rest = "".join(f', "{name}": {value}' for name, value in more.items())
    return f'{{"payload": {{"records": [{{"id": {id}, "text": {text}}}]{rest}}}}}'.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("said", "end"),
    [
        pytest.param(b"\x00\xff noise \x13\r\n\r\n", (400, "malformed"), id="noise"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01" + b"x" * 300, (400, "malformed"), id="a TLS hello"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, "malformed"), id="the preface of HTTP/2"),
        pytest.param(b"FROB / HTTP/1.1\r\n\r\n", (400, "malformed"), id="an unknown method"),
        pytest.param(POST + b"Content-Length: x\r\n\r\n", (400, "malformed"), id="a length that is none"),
        pytest.param(
            POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", (400, "malformed"), id="both"
        ),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", (400, "malformed"), id="a broken chunk"),
        pytest.param(POST + b"x: " + b"y" * 70_000 + b"\r\n\r\n", (431, "headers_too_large"), id="a large header"),
        pytest.param(POST + b"x: y\r\n" * 101 + b"\r\n", (431, "headers_too_large"), id="many headers"),
        pytest.param(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", (431, "headers_too_large"), id="a long address"),
        pytest.param(POST + b"Content-Length: %d\r\n\r\n" % (LIMIT + 1), (413, "too_large"), id="it says too much"),
    ],
)
def test_a_broken_request_is_told_so(system: Stack, said: bytes, end: tuple[int, str]) -> None:
    assert told(say(system, said)) == end


def test_a_hundred_megabytes_of_headers_are_refused_at_once(system: Stack) -> None:
    assert told(say(system, POST, *[b"x: " + b"y" * 65_536 + b"\r\n"] * 1_600)) == (431, "headers_too_large")


def test_a_body_without_end_is_refused_at_the_limit(system: Stack) -> None:
    chunk = b"%x\r\n" % 65_536 + b" " * 65_536 + b"\r\n"

    assert told(say(system, POST + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 1_600)) == (413, "too_large")


def test_a_body_that_does_not_arrive_in_its_time_is_408(system: Stack) -> None:
    whole = request(GOOD, b"X-Request-Timeout: 0.3")

    assert told(say(system, whole[:-9])) == (408, "request_timeout")


def test_a_body_that_trickles_is_408(system: Stack) -> None:
    with socket.create_connection((HOST, system.front_ends[0].port), timeout=PATIENCE) as line:
        line.sendall(request(b" " * 1_000, b"X-Request-Timeout: 0.5")[:-1_000])
        with suppress(ConnectionError):
            for _ in range(20):
                line.sendall(b" ")
                time.sleep(0.05)

        assert told(_answer(line)) == (408, "request_timeout")


def test_connections_that_end_in_the_middle_leave_nothing(system: Stack) -> None:
    whole = request()
    for end in range(1, len(whole), 3):
        with socket.create_connection((HOST, system.front_ends[0].port), timeout=PATIENCE) as line:
            line.sendall(whole[:end])


MANY = b'{"payload": {"records": [%b]}}'
MALFORMED, FINE = (400, "malformed"), (200, "")


@pytest.mark.parametrize(
    ("body", "end"),
    [
        pytest.param(b"", MALFORMED, id="nothing"),
        pytest.param(GOOD[:-5], MALFORMED, id="cut short"),
        pytest.param(b"\xef\xbb\xbf" + GOOD, MALFORMED, id="a byte order mark"),
        pytest.param(GOOD.decode().encode("utf-16"), MALFORMED, id="UTF-16"),
        pytest.param(one('"ab"', deep="[" * 100_000 + "]" * 100_000), MALFORMED, id="nested 100,000 deep"),
        pytest.param(one('"ab"', wide="9" * 400), FINE, id="a number of 400 digits that nobody reads"),
        pytest.param(one('"ab"', far="1e999"), MALFORMED, id="a number beyond all numbers"),
        pytest.param(one("NaN"), MALFORMED, id="not a number"),
        pytest.param(one("5"), MALFORMED, id="a text that is a number"),
        pytest.param(one('"ab"', id="1.5"), MALFORMED, id="an id that is a fraction"),
        pytest.param(one('"ab"', id="null"), MALFORMED, id="an id that is null"),
        pytest.param(one('"\\ud800"'), MALFORMED, id="a lone surrogate"),
        pytest.param(one('"\ud800"'), MALFORMED, id="a lone surrogate in bytes"),
        pytest.param(one('"ab"', id='"\\udfff"'), MALFORMED, id="a lone surrogate as an id"),
        pytest.param(one('"a\x00b"'), MALFORMED, id="a raw null byte"),
        pytest.param(one('"a\\u0000b"', id='"\\u0000"'), FINE, id="null bytes, well spelled"),
        pytest.param(one('"ab"', id="9" * 30), FINE, id="an id of thirty digits"),
        pytest.param(one('"ab"', id='"' + "x" * 100_000 + '"'), FINE, id="an id of 100,000 characters"),
        pytest.param(b'{"payload": 1, "payload": {"records": []}}', MALFORMED, id="a field twice, once wrong"),
        pytest.param(b'{"payload": {"records": 1}, "payload": {"records": []}}', MALFORMED, id="the same within"),
        pytest.param(MANY % b",".join([GOOD[25:-3]] * 257), (413, "too_large"), id="257 records"),
        pytest.param(b" " * (LIMIT - len(GOOD)) + GOOD, FINE, id="as large as may be"),
        pytest.param(b" " * (LIMIT - len(GOOD) + 1) + GOOD, (413, "too_large"), id="a byte more"),
    ],
)
def test_a_body_is_answered_for_what_it_is(system: Stack, body: bytes, end: tuple[int, str]) -> None:
    assert told(say(system, request(body))) == end


@pytest.mark.parametrize(
    ("header", "end"),
    [
        *[(b"X-Request-Timeout: " + value, MALFORMED) for value in (b"nan", b"inf", b"-1", b"1e999", b"\xd9\xa3", b"")],
        (b"X-Request-ID: " + b"x" * 10_000, FINE),
        (b"X-Request-ID: a\xffb", FINE),
        (b"X-Request-ID: a\nb: c", MALFORMED),
        (b"traceparent: 00-zz", FINE),
        (b"traceparent: \xff\xfe", FINE),
        (b"Jitney-Lane: \xff", MALFORMED),
        (b"Content-Type: \xff/;;;=", (415, "unsupported_media_type")),
        (b"Content-Encoding: gzip", MALFORMED),  # and the body is not
        (b"Content-Encoding: br", (415, "unsupported_media_type")),
        (b"Connection: \xff, , close", FINE),
        (b"Expect: the unexpected", FINE),
        (b"\xff: x", MALFORMED),
    ],
)
def test_a_header_is_answered_for_what_it_is(system: Stack, header: bytes, end: tuple[int, str]) -> None:
    assert told(say(system, request(GOOD, header))) == end


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["payload", "records", "id", "text", "model", "x"]), inner, max_size=5)
    ),
    max_leaves=25,
)


@settings(
    max_examples=200,
    deadline=None,  # a busy machine is no failure
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the system is one for all
)
@given(
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.integers(0, len(GOOD)).map(lambda end: GOOD[:end] + b"\xff" + GOOD[end:])
)
def test_any_body_at_all_is_answered(system: Stack, body: bytes) -> None:
    status, _ = told(say(system, request(body)))

    assert status in (200, 400, 404, 413, 422)
