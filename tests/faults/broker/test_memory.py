"""The broker's memory is spent: nothing new is admitted, all else goes on, and it recovers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest
import redis

from broker.embedded import Binary
from tests.faults.kit import report
from tests.faults.kit.broker_process import broker_process
from tests.faults.kit.oracle import check_answers, check_nothing_left
from tests.faults.kit.proxied import PROGRAMS, held
from tests.faults.kit.traffic import Call, ask
from tests.integration.stack import stack
from tests.waiting import until

MODEL = "synthetic:300ms,faults=on"
BALLAST = 32 << 20  # bytes
SIZE = 8  # jobs in a batch
WAITING = 8 * SIZE
RAISES = "!raise"


@contextlib.contextmanager
def memory_spent(client: redis.Redis) -> Iterator[None]:
    """Half of the ballast is above the limit, so that what the work itself frees changes nothing."""
    client.setrange("ballast", BALLAST, b"!")
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) - BALLAST // 2)
    yield
    client.delete("ballast")


def code_of(call: Call) -> str:
    return str(call.json().get("code", call.status))


@pytest.mark.parametrize("binary", [pytest.param(one, id=one.family) for one in PROGRAMS])
def test_a_broker_without_memory_admits_nothing_and_loses_nothing(binary: Binary) -> None:
    with (
        broker_process(binary=binary) as broker,
        stack([MODEL, MODEL], broker=broker.server, max_batch_size=SIZE) as made,
        broker.client() as client,
    ):
        survivor, victim = made.batchers
        calls: list[Call] = []
        texts = [*(f"waits {number}" for number in range(WAITING)), RAISES]
        asking = threading.Thread(target=lambda: calls.extend(ask(made.urls, texts=texts)))
        for batcher in made.batchers:
            batcher.pause()
        asking.start()
        until(lambda: len(held(client)) == len(texts), "all wait, or are claimed")

        with memory_spent(client):
            refused = ask(made.urls, 10)
            waiting = queued(client)
            victim.resume()
            until(lambda: queued(client) < waiting, "the victim claims a batch")
            victim.kill()  # its lease runs out, and the survivor reclaims it
            survivor.resume()
            until(lambda: calls, "all are answered", within=30.0)
            refused += ask(made.urls, 10)
        asking.join()
        freed = time.monotonic()
        until(lambda: ask(made.urls)[0].status == 200, "it admits again")

        report.record(f"memory spent ({binary.kind}): admits again after some is free", time.monotonic() - freed)
        assert check_answers(calls, errors={500}) == {200: WAITING, 500: 1}
        assert check_answers(refused, errors={503}) == {503: len(refused)}
        assert {code_of(call) for call in refused} == {"broker_full"}
        check_nothing_left(made)


def queued(client: redis.Redis) -> int:
    """Jobs that wait."""
    return sum(client.llen(key) for key in client.scan_iter("*:q:*"))
