"""Bodies of the largest size, and hundreds of slow ones: small calls stay quick, and memory comes back."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from tests.faults.kit import oracle
from tests.integration.processes import HOST, FrontEnd, Process, Reply
from tests.integration.stack import Stack, stack
from tests.waiting import until

AT_ONCE = 4
MIB = 1 << 20
GROWTH = 100 * MIB  # while they are in hand; it was 360 MiB to 2.4 GiB
KEPT = 60 * MIB  # afterwards
QUICK = 1.0  # seconds for a small call meanwhile, on a machine with other things to do; it was 2 to 10
BUSY = 0.5  # of one core at most, a little after the deadline: nobody waits any more
SMALL = {"payload": {"records": [{"id": 1, "text": "ab"}]}}
UPLOADS = 600


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    models = ["translation:demo/translation", "classification:demo/classification", "synthetic:1ms+0.1ms"]
    with stack(models=models) as made:
        for path in ("/models/synthetic", "/classification"):
            assert made.post(path, SMALL).status == 200
        assert made.post("/translation", body("/translation", "a\nb")).status == 200
        yield made


def body(path: str, text: str) -> bytes:
    languages = {"fromLang": "en", "toLang": "ja"} if path == "/translation" else {}
    return json.dumps({"payload": {**languages, "records": [{"id": 1, "text": text}]}}, ensure_ascii=False).encode()


def in_status(process: Process, name: str) -> int:
    """Bytes that the system says of its memory."""
    with open(f"/proc/{process.pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def processor_seconds(process: Process) -> float:
    with open(f"/proc/{process.pid}/stat") as stat:
        user, system = stat.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100


def forget_the_peak(process: Process) -> None:
    with open(f"/proc/{process.pid}/clear_refs", "w") as asked:
        asked.write("5")


def meanwhile(system: Stack, large: Sequence[Future[Reply]]) -> float:
    """Small calls until these are answered; the seconds of the slowest but one: a machine may stall once by itself."""
    rounds = [small_calls(system)]
    while not all(one.done() for one in large):
        rounds.append(small_calls(system))
    return sorted(rounds)[-2:][0]


def small_calls(system: Stack) -> float:
    """One of each kind; the seconds of the slowest."""
    started = time.monotonic()
    assert system.get("/livez").status == 200
    middle = time.monotonic()
    assert system.post("/models/synthetic", SMALL).status == 200
    return max(middle - started, time.monotonic() - middle)


@pytest.mark.parametrize(
    ("path", "text", "status"),
    [
        pytest.param("/translation", "a\n" * 349_000, 413, id="lines of one letter"),
        pytest.param("/translation", "Hello world, this is a sentence. " * 30_000, 413, id="sentences to translate"),
        pytest.param("/classification", "Hello world, this is a sentence. " * 30_000, 504, id="sentences to average"),
        pytest.param("/classification", "a." * 500_000, 504, id="a word without end"),
        pytest.param("/classification", "これは！" * 80_000, 504, id="sentences without spaces"),
    ],
)
def test_the_largest_bodies_harm_nobody(system: Stack, path: str, text: str, status: int) -> None:
    (front_end,) = system.front_ends
    before, sent = in_status(front_end, "VmRSS"), body(path, text)
    forget_the_peak(front_end)

    with ThreadPoolExecutor(AT_ONCE) as clients:
        large = [clients.submit(front_end.post, path, sent, {"X-Request-Timeout": "2"}) for _ in range(AT_ONCE)]
        slowest = meanwhile(system, large)

    assert {one.result().status for one in large} <= {status, 504}
    assert slowest < QUICK
    assert in_status(front_end, "VmHWM") - before < GROWTH
    until(lambda: in_status(front_end, "VmRSS") - before < KEPT, "memory is given back", within=10.0)
    until(lambda: share_of_a_core(front_end) < BUSY, "nothing is encoded for nobody", within=3.0)


def share_of_a_core(process: Process) -> float:
    since, before = time.monotonic(), processor_seconds(process)
    time.sleep(0.2)
    return (processor_seconds(process) - before) / (time.monotonic() - since)


def test_hundreds_of_slow_uploads_end_no_process(system: Stack) -> None:
    (front_end,) = system.front_ends
    before = in_status(front_end, "VmRSS")
    head = b"POST /models/synthetic HTTP/1.1\r\nHost: jitney\r\nContent-Length: %d\r\n\r\n" % (MIB - 1)

    with ExitStack() as lines:
        slow = [lines.enter_context(upload(front_end, head)) for _ in range(UPLOADS)]
        until(lambda: in_hand(front_end) > 50 * MIB, "their room is spent", within=20.0)
        refused = [line for line in slow if was_refused(line)]
        answer = min(small_calls(system) for _ in range(2))

        assert len(refused) > UPLOADS * 0.8
        assert answer < QUICK
        assert in_status(front_end, "VmRSS") - before < 150 * MIB

    until(lambda: in_hand(front_end) == 0, "their room is free again", within=20.0)
    oracle.check_nothing_left(system)


def upload(front_end: FrontEnd, head: bytes) -> socket.socket:
    """All but the end of a body, which never comes."""
    line = socket.create_connection((HOST, front_end.port), timeout=20.0)
    line.settimeout(0.2)  # a system that buffers no more takes no more
    with suppress(TimeoutError):
        line.sendall(head + b"x" * (MIB - 100))
    return line


def was_refused(line: socket.socket) -> bool:
    try:
        answer = line.recv(65536)
    except TimeoutError:
        return False
    assert answer.startswith(b"HTTP/1.1 503"), answer
    assert b"\r\nretry-after: " in answer
    return True


def in_hand(front_end: FrontEnd) -> float:
    rows = [row for row in front_end.metrics().splitlines() if row.startswith("jitney_bytes_in_hand ")]
    return float(rows[0].rsplit(" ", 1)[1])
