"""Rows that are sent as they end, on real processes and sockets. An in-flight model ends jobs at different times."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from broker.keys import Keys
from tests.integration.in_flight_model import LOG, PATH, SPEC, steps
from tests.integration.processes import HOST, FrontEnd
from tests.integration.stack import NAMESPACE, Stack, stack
from tests.waiting import until

NDJSON, EVENTS = "application/x-ndjson", "text/event-stream"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    log = tmp_path_factory.mktemp("steps") / "log"
    with stack(models=[SPEC, "synthetic:1ms+0.1ms,faults=on"], max_body_bytes=10 << 20, **{LOG: log}) as made:
        yield made


def body(*texts: str) -> bytes:
    return json.dumps({"payload": {"records": [{"id": "same", "text": text} for text in texts]}}).encode()


@contextmanager
def stream(
    system: Stack,
    *texts: str,
    accept: str = NDJSON,
    path: str = PATH,
    seconds: float = 60.0,
    room: int = 0,
    front_end: FrontEnd | None = None,
) -> Iterator[HTTPResponse]:
    """The answer, of which nothing but the head was read; the client has gone after the block. `room`: bytes that its
    system takes in for it."""
    port = (front_end or system.front_ends[0]).port
    connection = HTTPConnection(HOST, port, timeout=30.0)
    if room:
        connection.sock = socket.socket()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        connection.sock.connect((HOST, port))
    with closing(connection):
        headers = {"Content-Type": "application/json", "Accept": accept, "X-Request-Timeout": f"{seconds:g}"}
        connection.request("POST", path, body(*texts), headers)
        with connection.getresponse() as response:
            yield response


def line(response: HTTPResponse) -> Any:
    """The next one, as soon as it is there."""
    return json.loads(response.readline())


def in_flight(system: Stack) -> list[str]:
    done = steps(Path(system.environ[LOG]))
    return done[-1] if done else []


def told(system: Stack, metric: str) -> float:
    (said,) = [row for row in system.front_ends[0].metrics().splitlines() if row.startswith(f"{metric} ")]
    return float(said.rsplit(" ", 1)[1])


def bytes_in_hand(system: Stack) -> float:
    return told(system, "jitney_bytes_in_hand")


def at_work(system: Stack) -> list[bytes]:
    """What the broker holds of jobs and outcomes."""
    keys: Any = system.redis.keys(f"{Keys(NAMESPACE).prefix}*")
    return [key for key in keys if any(part in key for part in (b":q:", b":lease:", b":reply:"))]


def test_a_short_record_is_read_while_a_long_one_is_computed(system: Stack) -> None:
    with stream(system, "300 long", "1 short") as response:
        first = line(response)
        log = Path(system.environ[LOG])
        seen = len(steps(log))
        until(lambda: len(steps(log)) > seen and in_flight(system) == ["300 long"], "the long one goes on")
        second, end, after = line(response), line(response), response.read()

    assert (response.status, response.headers["content-type"]) == (200, NDJSON)
    assert first == {"id": "same", "index": 1, "text": "1 short"[::-1]}
    assert second == {"id": "same", "index": 0, "text": "300 long"[::-1]}
    assert (end["done"], end["records"], end["failed"], after) == (True, 2, 0, b"")
    assert end["timing"]["compute"] > 0


def test_events_are_read_as_they_come(system: Stack) -> None:
    with stream(system, "100 long", "1 short", accept=EVENTS) as response:
        told = [block.splitlines() for block in response.read().decode().split("\n\n") if block]

    assert response.headers["content-type"] == EVENTS
    assert [lines[:2] for lines in told] == [
        ["event: record", "id: 1"],
        ["event: record", "id: 2"],
        ["event: done", "id: 2"],
    ]
    assert json.loads(told[0][2].removeprefix("data: "))["text"] == "1 short"[::-1]


def test_a_client_that_goes_midway_ends_the_work_for_what_is_left(system: Stack) -> None:
    log = Path(system.environ[LOG])

    with stream(system, "900 gone", "1 short") as response:
        assert line(response)["index"] == 1
    until(lambda: not system.front_ends[0].waiting(), "nobody waits for it")
    system.post(PATH, {"payload": {"records": [{"id": 1, "text": "150 after"}]}})  # the engine goes on meanwhile

    assert "900 gone" not in in_flight(system)
    assert sum("900 gone" in texts for texts in steps(log)) < 600
    assert 'route="/models/{name}",status="499"' in system.front_ends[0].metrics()


def test_what_is_not_done_at_the_deadline_has_its_error_and_the_end_follows(system: Stack) -> None:
    with stream(system, "900 late", "1 short", seconds=1.5) as response:
        first, second, end = line(response), line(response), line(response)

    assert first["text"] == "1 short"[::-1]
    assert (second["index"], second["error"]["code"]) == (0, "expired")
    assert (end["done"], end["failed"]) == (True, 1)


def test_a_slow_reader_gets_every_row_and_most_of_them_wait_unwritten(system: Stack) -> None:
    texts = [f"{number} " + "x" * 200_000 for number in range(45)]  # more than a system takes for a connection

    with stream(system, *texts, path="/models/synthetic", room=4096) as response:
        until(lambda: not at_work(system), "all are computed, and the front end has them")
        written, held = told(system, 'jitney_records_streamed_total{model="synthetic"}'), bytes_in_hand(system)
        rows = [json.loads(row) for row in response.read().splitlines()]

    assert written < 45
    assert held > 0
    assert sorted(row["index"] for row in rows[:-1]) == list(range(45))
    assert all(row["text"] == texts[row["index"]][::-1] for row in rows[:-1])
    assert rows[-1]["done"]
    until(lambda: bytes_in_hand(system) == 0, "nothing is in hand")


def test_a_record_that_fails_stands_among_the_others(system: Stack) -> None:
    with stream(system, "!raise", "good", path="/models/synthetic") as response:
        *rows, end = [json.loads(row) for row in response.read().splitlines()]

    assert {row["index"]: row.get("error", {}).get("code") for row in rows} == {0: "model_error", 1: None}
    assert end["failed"] == 1


def test_where_all_fail_it_is_the_problem_of_a_call_without_a_stream(system: Stack) -> None:
    with stream(system, "!raise", path="/models/synthetic") as response:
        assert (response.status, response.headers["content-type"]) == (500, "application/problem+json")
        assert json.loads(response.read())["code"] == "model_error"


def test_a_front_end_that_is_told_to_stop_sends_its_streams_to_the_end(system: Stack) -> None:
    leaving = system.start_front_end(drain_seconds=0)

    with stream(system, "200 last", "1 short", front_end=leaving) as response:
        assert line(response)["index"] == 1
        leaving.popen.terminate()
        row, end = line(response), line(response)

    assert (row["text"], end["done"]) == ("200 last"[::-1], True)
    assert leaving.wait() == 0


def test_a_stream_of_a_front_end_that_is_killed_has_no_end(system: Stack) -> None:
    killed = system.start_front_end()

    with stream(system, "300 lost", "1 short", front_end=killed) as response:
        assert line(response)["index"] == 1
        killed.kill()
        with pytest.raises((IncompleteRead, ConnectionError)):
            response.read()


def test_a_client_that_closes_only_its_sending_side_gets_every_row(system: Stack) -> None:
    asked = body("50 long", "1 short")
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAccept: {NDJSON}\r\nContent-Length: {len(asked)}\r\n\r\n"

    with socket.create_connection((HOST, system.front_ends[0].port), timeout=30.0) as client:
        client.sendall(head.encode() + asked)
        client.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: client.recv(65_536), b""))

    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert [said.count(text) for text in (b"gnol 05", b"trohs 1", b'"done":true')] == [1, 1, 1]
    assert said.endswith(b"\r\n0\r\n\r\n")


def test_http_1_0_gets_the_reply_in_one_piece(system: Stack) -> None:
    asked = body("abc")
    head = f"POST /models/synthetic HTTP/1.0\r\nAccept: {NDJSON}\r\nContent-Length: {len(asked)}\r\n\r\n"

    with socket.create_connection((HOST, system.front_ends[0].port), timeout=30.0) as client:
        client.sendall(head.encode() + asked)
        said = b"".join(iter(lambda: client.recv(65_536), b""))

    assert json.loads(said.partition(b"\r\n\r\n")[2]) == {"result": [{"id": "same", "text": "cba"}]}


def test_a_connection_takes_the_next_request_after_a_stream(system: Stack) -> None:
    connection = HTTPConnection(HOST, system.front_ends[0].port, timeout=30.0)
    with closing(connection):
        for accept in (NDJSON, EVENTS, "application/json"):
            headers = {"Content-Type": "application/json", "Accept": accept}
            connection.request("POST", "/models/synthetic", body("abc"), headers)
            response = connection.getresponse()

            assert (response.status, response.headers["content-type"]) == (200, accept)
            assert b"cba" in response.read()
