"""The client against servers that refuse, hang and die; and what a shell is told of it."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from broker.common.free_port import free_port
from jitney.client import AsyncJitney, CannotReach, Jitney, TimedOut, calls
from tests.integration.batch.counting_server import Counted, Refusal, counting_server
from tests.integration.processes import ROOT, clean_environ

LIMIT = 50.0  # seconds
DROP = 0.01  # seconds between drops
ENDLESS = b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n"
CONTENDED: Refusal = (429, {"retry-after": "1"}, {"code": "contended", "detail": "Full.", "status": 429})
NO_BATCHER: Refusal = (503, {"retry-after": "60"}, {"code": "no_batcher", "detail": "Nobody.", "status": 503})
INTERNAL: Refusal = (500, {}, {"code": "internal", "detail": "An error.", "status": 500})
INVALID: Refusal = (422, {}, {"code": "invalid_input", "detail": "Not this.", "status": 422})


@pytest.fixture
def server() -> Iterator[Counted]:
    with counting_server() as counted:
        yield counted


def jitney(*arguments: str, url: str, said: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "jitney", *arguments, "--url", url]
    return subprocess.run(command, env=clean_environ(), cwd=ROOT, input=said, capture_output=True, timeout=LIMIT)


def test_a_refusal_for_now_is_waited_for_and_then_answered(server: Counted) -> None:
    server.refuse = lambda texts, before: CONTENDED if before == 0 else None

    with Jitney(server.url) as client:
        answer = client.ask("any", "hello")

    assert (answer.raw["text"], server.requests) == ("HELLO", 2)
    assert float(server.headers["x-request-timeout"]) <= 59.0


def test_many_texts_are_all_answered_in_order_by_a_server_that_refuses_every_third_request(server: Counted) -> None:
    texts = [f"text {at}" for at in range(300)]
    server.refuse = lambda texts, before: (429, {"retry-after": "0"}, CONTENDED[2]) if before % 3 == 0 else None

    with Jitney(server.url) as client:
        answers = list(client.many(lambda few: calls.ask("any", few), texts, window=64, per_request=8))

    assert [answer.raw["text"] for answer in answers] == [text.upper() for text in texts]
    assert max(server.texts.values()) == 1


def test_one_of_many_that_is_refused_fails_alone(server: Counted) -> None:
    server.refuse = lambda texts, before: INVALID if "bad" in texts else None
    texts = ["a", "b", "bad", "c"]

    with Jitney(server.url) as client:
        answers = list(client.many(lambda few: calls.ask("any", few), texts))

    assert [answer.error and answer.error.code for answer in answers] == [None, None, "invalid_input", None]


def test_a_server_that_died_is_asked_again_and_then_told_of() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    with Jitney(url, max_retries=1) as client, pytest.raises(CannotReach, match=url):
        client.models()


@contextlib.contextmanager
def taking(*, head: bytes = b"", drop: bytes = b"") -> Iterator[str]:
    """The address of one who takes connections, says this much, and no more; or a drop again and again."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[socket.socket] = []

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    taken.append(connection)
                    connection.sendall(head)
                    while drop and not ended.wait(DROP):
                        connection.sendall(drop)

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in taken:
                connection.close()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"", id="before it answers"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", id="amid its reply"),
    ],
)
def test_a_server_that_hangs_costs_the_time_of_the_call_and_no_more(head: bytes) -> None:
    with taking(head=head) as url, Jitney(url, timeout=0.3) as client, pytest.raises(TimedOut):
        client.models()


def test_a_reply_that_comes_in_drops_has_the_same_deadline() -> None:
    with taking(head=ENDLESS, drop=b" ") as url, Jitney(url, timeout=0.3) as client, pytest.raises(TimedOut):
        client.models()


@pytest.mark.anyio
async def test_a_reply_that_comes_in_drops_has_the_same_deadline_for_asyncio() -> None:
    with taking(head=ENDLESS, drop=b" ") as url:
        async with AsyncJitney(url, timeout=0.3) as client:
            with pytest.raises(TimedOut):
                await client.models()


def test_a_shell_that_is_interrupted_does_not_wait_for_a_server_that_hangs(server: Counted) -> None:
    reached, released = threading.Event(), threading.Event()
    server.refuse = lambda texts, before: reached.set() or (released.wait(LIMIT) and None)
    command = [sys.executable, "-m", "jitney", "translate", "a", "--to", "fr", "--url", server.url]

    process = subprocess.Popen(command, env=clean_environ(), cwd=ROOT, stderr=subprocess.PIPE)
    assert reached.wait(LIMIT)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=LIMIT)
    released.set()

    assert (process.returncode, said) == (130, b"")


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        pytest.param(NO_BATCHER, 3, id="not now"),
        pytest.param(INVALID, 1, id="a text that cannot be computed"),
        pytest.param((403, {}, {"code": "forbidden", "detail": "No."}), 2, id="who may not"),
        pytest.param((500, {}, {"code": "poison", "detail": "No."}), 1, id="a text that crashes the model"),
    ],
)
def test_the_exit_code_says_how_it_ended(server: Counted, refusal: Refusal, code: int) -> None:
    server.refuse = lambda texts, before: refusal

    ended = jitney("translate", "a", "--to", "fr", "--timeout", "5", url=server.url)

    assert (ended.returncode, ended.stderr.count(b"\n")) == (code, 1)


def test_a_server_that_is_not_there_is_code_4() -> None:
    ended = jitney("embed", "a", "--timeout", "0.2", url=f"http://127.0.0.1:{free_port()}")

    assert (ended.returncode, ended.stdout) == (4, b"")


def test_what_nobody_can_mean_is_code_2() -> None:
    assert jitney("translate", "a", url="http://127.0.0.1:1").returncode == 2
    assert jitney("embed", "a", url="127.0.0.1:1").returncode == 2
    assert jitney("rerank", "q", "a", "--top-k", "0", url="http://127.0.0.1:1").returncode == 2


def test_lines_of_standard_input_have_a_line_each_also_those_that_fail(server: Counted) -> None:
    server.refuse = lambda texts, before: INVALID if "bad" in texts else None

    ended = jitney("translate", "-", "--to", "fr", url=server.url, said="a\nbad\nü\n\n".encode())

    assert ended.stdout.decode() == "A\n\nÜ\n\n"
    assert (ended.returncode, ended.stderr) == (1, b"jitney: 2: invalid_input: Not this.\n")


ODD: Refusal = (200, {}, {"result": []})
FORBIDDEN: Refusal = (403, {}, {"code": "forbidden", "detail": "No."})


@pytest.mark.parametrize(
    ("refusal", "code", "answered", "why"),
    [
        pytest.param(INTERNAL, 3, 76, b"77: 500 internal: An error.", id="an error of the server's"),
        pytest.param(ODD, 2, 76, b"77: the reply has not a row for each record", id="an odd reply"),
        pytest.param(FORBIDDEN, 2, 64, b"65 to 96: 403 forbidden: No.", id="what is no line's fault"),
    ],
)
def test_what_ends_it_amid_many_lines_is_told_with_its_line_behind_all_answers_before_it(
    server: Counted, refusal: Refusal, code: int, answered: int, why: bytes
) -> None:
    server.refuse = lambda texts, before: refusal if "bad" in texts else None
    lines = [f"line {at}" for at in range(1, 101)]
    lines[76] = "bad"

    ended = jitney("translate", "-", "--to", "fr", url=server.url, said="\n".join(lines).encode())

    assert ended.stdout.decode().splitlines() == [line.upper() for line in lines[:answered]]
    first, second = ended.stderr.splitlines()
    assert first.startswith(b"jitney: " + why)
    assert second == f"jitney: {answered} are answered; to go on, give those from number {answered + 1} on".encode()
    assert ended.returncode == code


def test_each_line_that_is_typed_has_its_answer_before_the_next_one_also_into_a_pipe(server: Counted) -> None:
    command = [sys.executable, "-m", "jitney", "translate", "-", "--to", "fr", "--url", server.url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    with subprocess.Popen(command, env=clean_environ(), cwd=ROOT, bufsize=0, **pipes) as process:  # type: ignore[call-overload]
        for line in (b"one\n", b"two\n", b"three\n"):
            process.stdin.write(line)
            assert process.stdout.readline() == line.upper()
        process.send_signal(signal.SIGINT)
        assert (process.wait(LIMIT), process.stderr.read()) == (130, b"")


def test_standard_input_that_cannot_be_read_is_said(server: Counted) -> None:
    how = {"env": clean_environ(), "cwd": ROOT, "capture_output": True, "timeout": LIMIT}
    shell = f"{sys.executable} -m jitney translate - --to fr --url {server.url}"

    write_only = subprocess.run(f"{shell} 0> /dev/null", shell=True, **how)  # type: ignore[call-overload]
    endless = subprocess.run(f"{shell} < /dev/zero", shell=True, **how)  # type: ignore[call-overload]
    closed = subprocess.run(f"{shell} <&-", shell=True, **how)  # type: ignore[call-overload]

    assert write_only.returncode == 2 and write_only.stderr.startswith(b"jitney: standard input cannot be read: ")
    assert endless.returncode == 2 and endless.stderr.startswith(b"jitney: line 1 of standard input is longer than ")
    assert (closed.returncode, closed.stdout, closed.stderr) == (0, b"", b"")


def test_a_program_gets_a_line_of_json_for_each(server: Counted) -> None:
    ended = jitney("translate", "a", "b", "--to", "fr", "--json", url=server.url)

    assert [json.loads(line) for line in ended.stdout.splitlines()] == [{"text": "A"}, {"text": "B"}]


def test_a_reader_that_has_read_enough_ends_it_quietly(server: Counted) -> None:
    lines = b"text\n" * 200_000
    command = f"{sys.executable} -m jitney translate - --to fr --url {server.url} | head -n 1; exit ${{PIPESTATUS[0]}}"

    how = {"env": clean_environ(), "cwd": ROOT, "input": lines, "capture_output": True, "timeout": LIMIT}
    ended = subprocess.run(["/bin/bash", "-c", command], **how)  # type: ignore[call-overload]

    assert (ended.stdout, ended.returncode, ended.stderr) == (b"TEXT\n", 141, b"")
