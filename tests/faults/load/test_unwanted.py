"""What nobody waits for any more is never computed: the model writes down what reaches it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.kit.models import LOG, PATH, PAUSE, SPEC, recorded
from tests.faults.kit.oracle import check_answers, leftovers
from tests.faults.kit.traffic import ask
from tests.integration.stack import Stack, stack
from tests.waiting import until

pytestmark = pytest.mark.timeout(90)
BATCH_SECONDS = 3.0
DEADLINE = "0.3"  # seconds
UNWANTED = [f"unwanted {number}" for number in range(20)]


@pytest.fixture
def system(tmp_path: Path) -> Iterator[tuple[Stack, Path]]:
    log = tmp_path / "computed"
    with stack((SPEC,), max_batch_size=4, **{LOG: log, PAUSE: BATCH_SECONDS}) as made:
        yield made, log


@contextlib.contextmanager
def behind_a_slow_batch(system: tuple[Stack, Path]) -> Iterator[None]:
    """The card is busy from the start of the block to its end, and then computes one request more."""
    made, log = system
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, made.urls, texts=["first"], path=PATH)
        until(lambda: recorded(log), "the card is busy")
        yield
        assert len(recorded(log)) == 1, "the batch in front was over too soon"
        last = pool.submit(ask, made.urls, texts=["last"], path=PATH)
        check_answers([*first.result(), *last.result()])


def test_expired_jobs_are_never_computed(system: tuple[Stack, Path]) -> None:
    made, log = system

    with behind_a_slow_batch(system):
        calls = ask(made.urls, texts=UNWANTED, path=PATH, headers={"X-Request-Timeout": DEADLINE})

    assert check_answers(calls, errors={504}) == {504: len(UNWANTED)}
    assert recorded(log) == [["first"], ["last"]]
    until(lambda: not leftovers(made.redis), "nothing is left behind")


def test_jobs_of_clients_that_hung_up_are_never_computed(system: tuple[Stack, Path]) -> None:
    made, log = system

    with behind_a_slow_batch(system):
        asyncio.run(hang_up(made))
        until(lambda: marks(made) == len(UNWANTED), "every job is marked as cancelled", within=2.5)

    assert recorded(log) == [["first"], ["last"]]
    until(lambda: queued(made) == 0, "nothing waits")
    until(lambda: marks(made) == 0, "no mark outlives its jobs", within=2.0)


async def hang_up(made: Stack) -> None:
    """Each of these clients sends its request, and closes the connection once all of them wait in the queue."""
    clients = [await asyncio.open_connection("127.0.0.1", made.front_ends[0].port) for _ in UNWANTED]
    for (_, writer), text in zip(clients, UNWANTED, strict=True):
        body = json.dumps({"payload": {"records": [{"id": text, "text": text}]}}).encode()
        head = f"POST {PATH} HTTP/1.1\r\nHost: jitney\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    gave_up = time.monotonic() + 10.0
    while queued(made) < len(UNWANTED):
        assert time.monotonic() < gave_up, "the requests never came to the queue"
        await asyncio.sleep(0.02)
    for _, writer in clients:
        writer.close()


def queued(made: Stack) -> int:
    return sum(made.redis.llen(key) for key in made.redis.scan_iter("*:q:*", count=1000))


def marks(made: Stack) -> int:
    return sum(made.redis.zcard(key) for key in made.redis.scan_iter("*:cancel:*", count=1000))
