"""Corners of HTTP by raw sockets to a real front end: clients that say their last word, that go, and odd addresses."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.faults.kit import oracle
from tests.integration.processes import HOST, FrontEnd
from tests.integration.stack import Stack, stack
from tests.waiting import until

FRESH = b"Cache-Control: no-store"  # whatever was asked before
PATIENCE = 20.0  # seconds: a busy machine is no failure
SLOW = "synthetic:800ms+0.1ms"  # long enough that a client is asked whether it still listens


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with stack(models=["synthetic:1ms+0.1ms", f"{SLOW},name=slow"]) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_is_in_the_log_or_left_behind(system: Stack) -> Iterator[None]:
    yield

    oracle.check_nothing_left(system)
    assert "Traceback" not in system.outputs()
    assert '"level": "error"' not in system.front_ends[0].stderr()


def post(text: str, model: str = "synthetic", *extra: bytes) -> bytes:
    body = b'{"payload": {"records": [{"id": 1, "text": "%b"}]}}' % text.encode()
    line = b"POST /models/%b HTTP/1.1" % model.encode()
    head = [line, b"Host: jitney", b"Content-Length: %d" % len(body), FRESH, *extra]
    return b"\r\n".join([*head, b"", body])


def line_to(front_end: FrontEnd) -> socket.socket:
    return socket.create_connection((HOST, front_end.port), timeout=PATIENCE)


def last_word(system: Stack, said: bytes) -> bytes:
    """Say this, shut down our side, and hear everything to the end."""
    with line_to(system.front_ends[0]) as line:
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)
        return heard_to_the_end(line)


def heard_to_the_end(line: socket.socket) -> bytes:
    heard = b""
    while more := line.recv(65536):
        heard += more
    return heard


def status(answer: bytes) -> int:
    return int(answer.removeprefix(b"HTTP/1.1 ")[:3])


@pytest.mark.parametrize("model", ["synthetic", "slow"])
def test_a_client_that_shuts_down_its_sending_side_has_its_answer(system: Stack, model: str) -> None:
    answer = last_word(system, post("ab", model))

    assert (answer.count(b"HTTP/1.1"), answer[:15]) == (1, b"HTTP/1.1 200 OK")
    assert answer.endswith(b'{"result":[{"id":1,"text":"ba"}]}')


def test_one_that_has_asked_twice_has_both_answers(system: Stack) -> None:
    answer = last_word(system, post("ab", "slow") + post("cd", "slow"))

    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert answer.index(b'"ba"') < answer.index(b'"dc"')


@pytest.mark.parametrize("behind", [b"NO HTTP\r\n\r\n", post("cd")[:40]], ids=["garbage", "half a head"])
def test_one_that_ends_behind_what_cannot_be_read_has_the_answer_to_what_could(system: Stack, behind: bytes) -> None:
    answer = last_word(system, post("ab", "slow") + behind)

    assert (answer.count(b"HTTP/1.1"), status(answer)) == (1, 200)
    assert answer.endswith(b'{"result":[{"id":1,"text":"ba"}]}')


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(post("abcdef")[:-5], id="within its body"),
        pytest.param(post("ab")[:40], id="within its head"),
        pytest.param(post("ab").replace(b"Content-Length: 51", b"Transfer-Encoding: chunked")[:90], id="in a chunk"),
    ],
)
def test_one_that_ends_before_its_request_does_is_told_so(system: Stack, said: bytes) -> None:
    assert status(last_word(system, said)) == 400


def test_one_that_has_said_nothing_hears_nothing(system: Stack) -> None:
    assert last_word(system, b"") == b""


def test_a_client_that_goes_is_noticed_long_before_its_answer_would_be_there(system: Stack) -> None:
    system.batchers[1].pause()
    try:
        with line_to(system.front_ends[0]) as line:
            line.sendall(post("ab", "slow"))
            until(lambda: system.front_ends[0].waiting() == 1, "it waits", within=PATIENCE)
        until(lambda: system.front_ends[0].waiting() == 0, "nobody waits", within=5.0)
    finally:
        system.batchers[1].resume()


@pytest.mark.parametrize("requests", [2, 20])
@pytest.mark.parametrize("stay", [0.0, 0.2], ids=["at once", "a little later"])
def test_a_client_that_asks_ahead_and_goes_is_no_crash(system: Stack, requests: int, stay: float) -> None:
    front_end = system.front_ends[0]
    with line_to(front_end) as line:
        line.sendall(post("ab", "slow") * requests)
        until(lambda: front_end.waiting() == 1, "it waits", within=PATIENCE)
        time.sleep(stay)

    until(lambda: front_end.waiting() == 0, "nobody waits", within=5.0)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET http://jitney/livez", 200),
        ("GET http://jitney", 200),
        ("GET http://jitney?a=1", 200),
        ("GET http://jitney/", 200),
        ("GET HTTPS://user@[::1]:99", 200),
        ("OPTIONS http://jitney", 204),
        ("OPTIONS *", 404),
        ("GET *", 404),
        ("GET /livez?http://jitney", 200),
        ("GET //jitney", 404),
        ("GET http://", 400),
        ("GET http:///livez", 400),
        ("GET jitney:80", 400),
        ("CONNECT jitney:80", 400),
    ],
)
def test_every_form_of_an_address_is_answered_definitely(system: Stack, line: str, expected: int) -> None:
    answer = last_word(system, f"{line} HTTP/1.1\r\nHost: jitney\r\nConnection: close\r\n\r\n".encode())

    assert status(answer) == expected


@pytest.mark.parametrize("value", ["identity", "Identity", "IDENTITY", "", " ", "identity, identity", ",identity,"])
def test_a_body_that_is_as_it_is_may_say_so(system: Stack, value: str) -> None:
    answer = last_word(system, post("ab", "synthetic", f"Content-Encoding: {value}".encode()))

    assert status(answer) == 200


@pytest.mark.parametrize("values", [["br"], ["Deflate"], ["gzip, br"], ["br", "identity"], ["*"], ["zstd;q=1"]])
def test_an_encoding_that_is_not_read_is_told_as_such(system: Stack, values: list[str]) -> None:
    named = [f"Content-Encoding: {value}".encode() for value in values]

    answer = last_word(system, post("ab", "synthetic", *named))

    assert status(answer) == 415
    assert b"encoding" in answer.partition(b'"title":')[2].partition(b",")[0]
    assert b"as it is, or with Content-Encoding: gzip" in answer
