"""Processes are replaced as in a rolling update: told to stop, given a while, ended."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from broker.messages import Job, Lane
from broker.wire import decode_job
from tests.faults.kit import sleeper
from tests.faults.kit.oracle import KEYS, check_answers, check_nothing_left
from tests.faults.kit.report import record
from tests.faults.kit.traffic import Balancer, Call, ask, traffic, wait_for_more
from tests.integration.stack import Stack, stack
from tests.waiting import until

SPEC = "synthetic:50ms+1ms"
LEASE = 3.0  # seconds


def test_a_rolling_restart_of_both_sides_fails_no_request() -> None:
    with stack(models=[SPEC] * 2, front_ends=2, drain_seconds=1.0) as system:
        balancer = Balancer(lambda: system.urls)
        with balancer.looking(), traffic(balancer.ready, rate=80) as calls:
            for batcher in list(system.batchers):
                wait_for_more(calls, 40)
                assert batcher.stop() == 0
                system.start_batcher(SPEC)
            for front_end in list(system.front_ends):
                wait_for_more(calls, 40)
                assert front_end.stop() == 0
                system.start_front_end(port=front_end.port)
                until(lambda url=front_end.url: url in balancer.ready(), "it is sent requests again", within=10.0)
            wait_for_more(calls, 40)

        check_answers(calls)
        check_nothing_left(system)
    record("rolling restart of two batchers and two front ends: longest wait", max(call.seconds for call in calls))


def test_a_batcher_told_to_stop_returns_what_is_staged_and_loses_a_batch_that_outlives_its_grace() -> None:
    with stack(models=[sleeper.SPEC], lease=LEASE, max_batch_size=1) as system, ThreadPoolExecutor(4) as clients:

        def send(text: str) -> Future[list[Call]]:
            return clients.submit(ask, system.urls, texts=[text], path=sleeper.PATH)

        for number in range(4):  # it learns how long a batch takes, and stages early from now on
            check_answers(send(f"0.05 {number}").result())
        sent = [send("1.5 first")]
        until(lambda: held(system) == ["1.5 first"], "the card is busy", within=5.0)
        for number, text in enumerate(["3 long", "0 staged", "0 waiting"], start=1):
            sent.append(send(text))
            until(lambda known=number: len(queued(system)) == known, "it is in the queue", within=5.0)
        until(lambda: sorted(held(system)) == ["0 staged", "3 long"], "one runs, one is staged", within=5.0)

        system.batchers[0].popen.terminate()
        given_back = until(lambda: not leases_of_staged(system), "what was staged is given back", within=5.0)
        returned = [(job.input, job.attempts) for job in queued(system)]
        system.batchers[0].kill()  # its grace is over
        killed = time.monotonic()
        system.start_batcher(sleeper.SPEC)
        calls = [call for one in sent for call in one.result()]

        assert given_back < LEASE / 2, "nobody gave it back: its lease ran out"
        assert returned == [("0 staged", 0), ("0 waiting", 0)]
        check_answers(calls)
    again = max(call.ended for call in calls) - killed
    record(f"the only batcher killed in a batch of 3 s (lease {LEASE:g} s): until another has computed it", again)


def queued(system: Stack) -> list[Job]:
    cards: Any = system.redis.hkeys(KEYS.cards)
    found: Any = system.redis.lrange(KEYS.queue(cards[0].decode(), Lane.INTERACTIVE), 0, -1)
    return [decode_job(data) for data in found]


def held(system: Stack) -> list[str]:
    """What is claimed, running or staged."""
    return [text for lease in claimed(system) for name, text in lease.items() if name not in ("order", "staged")]


def leases_of_staged(system: Stack) -> list[dict[str, str]]:
    return [lease for lease in claimed(system) if "staged" in lease]


def claimed(system: Stack) -> list[dict[str, str]]:
    """The leases; each job as its text."""
    names: Any = system.redis.keys(f"{KEYS.prefix}lease:*")
    found: list[Any] = [system.redis.hgetall(name) for name in names]
    return [{name.decode(): _text(name, value) for name, value in lease.items()} for lease in found]


def _text(name: bytes, value: bytes) -> str:
    return "" if name in (b"order", b"staged") else str(decode_job(value).input)
