"""Jobs whose bodies lie apart, while batchers die, links break and the broker is emptied: none is lost, or left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import redis

from broker.redis import scripts
from tests.faults.kit import report
from tests.faults.kit.oracle import check_answers, check_nothing_left, recovery
from tests.faults.kit.proxied import KEYS, ProxiedStack, held, proxied_stack
from tests.faults.kit.supervisor import Supervisor
from tests.faults.kit.traffic import Call, ask, traffic, wait_for_more
from tests.integration.stack import stack
from tests.waiting import until

LARGE = 40_000  # characters of a text
RATE = 40  # requests a second
WAITING = 12
SPEC = "synthetic:50ms+1ms"
ADMIT, DRAIN, FINISH = (script.sha.encode() for script in (scripts.ADMIT, scripts.DRAIN, scripts.FINISH))
MGET = b"MGET"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedStack]:
    with proxied_stack(tmp_path_factory.mktemp("system")) as made:
        yield made


def is_passed_on(client: redis.Redis, leases: str) -> bool:
    """Nothing of these leases waits for another batcher any more."""
    return not client.keys(leases) and not client.keys(f"{KEYS.prefix}suspect:*")


def bodies(client: redis.Redis) -> int:
    return sum(1 for _ in client.scan_iter(f"{KEYS.body('')}*"))


def test_batchers_killed_in_mid_batch_lose_no_large_job() -> None:
    with (
        stack(models=[SPEC, SPEC], lease=0.6, max_batch_size=16) as made,
        Supervisor(made, SPEC, 2).watching() as supervisor,
        traffic(made.urls, rate=RATE, padding=LARGE, padded=1) as calls,
    ):
        for _ in range(3):
            wait_for_more(calls, 20)
            victim, restarts = supervisor.alive()[0], supervisor.restarts
            leases = f"{KEYS.prefix}lease:*-{victim.pid}-*"
            until(lambda known=leases: made.redis.keys(known), "it holds a lease")
            killed = time.monotonic()
            victim.kill()
            until(lambda known=restarts: supervisor.restarts > known, "another one serves", within=20.0)
            until(lambda known=leases: is_passed_on(made.redis, known), "others have its jobs", within=10.0)
        wait_for_more(calls, 20)

    check_answers(calls)
    report.record("a batcher killed in mid-batch, bodies of 40 KB", recovery(calls, killed))


@pytest.mark.parametrize(
    ("side", "command"),
    [
        pytest.param("front end", ADMIT, id="ADMIT"),
        pytest.param("batcher", DRAIN, id="DRAIN"),
        pytest.param("batcher", MGET, id="the bodies"),
        pytest.param("batcher", FINISH, id="FINISH"),
    ],
)
def test_a_lost_reply_harms_no_large_job_and_none_is_computed_twice(
    system: ProxiedStack, side: str, command: bytes
) -> None:
    with traffic(system.stack.urls, rate=RATE, padding=LARGE, padded=1) as calls:
        wait_for_more(calls, 10)
        with system.side(side).drop_reply(command) as dropped:
            assert dropped.happened.wait(10.0)
        wait_for_more(calls, 20)

    check_answers(calls)
    computed = system.computed()
    assert len(computed) == len(set(computed))
    check_nothing_left(system.stack)
    assert not bodies(system.stack.redis)


def test_large_jobs_bear_connections_that_are_cut_again_and_again(system: ProxiedStack) -> None:
    with traffic(system.stack.urls, rate=RATE, padding=LARGE, padded=1) as calls:
        for _ in range(8):
            wait_for_more(calls, 10)
            system.front.reset()
            system.back.reset()
        wait_for_more(calls, 20)

    check_answers(calls, errors={503})
    assert sum(call.status == 200 for call in calls) > len(calls) / 2
    check_nothing_left(system.stack)
    assert not bodies(system.stack.redis)


def test_large_jobs_that_wait_are_brought_again_to_a_broker_that_was_emptied(system: ProxiedStack) -> None:
    calls: list[Call] = []
    asking = threading.Thread(target=lambda: calls.extend(ask(system.stack.urls, WAITING, padding=LARGE)))
    system.stack.batchers[0].pause()
    try:
        asking.start()
        until(lambda: len(held(system.stack.redis)) == WAITING, "all of them wait")
        assert bodies(system.stack.redis) == WAITING
        system.stack.redis.flushall()
    finally:
        system.stack.batchers[0].resume()
    asking.join()

    assert check_answers(calls) == {200: WAITING}
    system.stack.wait_live()  # a front end may have looked while nobody had announced the model again
    check_nothing_left(system.stack)
    assert not bodies(system.stack.redis)


def test_callers_that_go_leave_no_body(system: ProxiedStack) -> None:
    asking = threading.Thread(target=lambda: ask(system.stack.urls, WAITING, padding=LARGE, patience=3.0))
    system.stack.batchers[0].pause()
    try:
        asking.start()
        until(lambda: bodies(system.stack.redis) == WAITING, "all of them wait", within=30.0)
        asking.join()
        until(lambda: not bodies(system.stack.redis), "their bodies are gone", within=10.0)
    finally:
        system.stack.batchers[0].resume()

    check_nothing_left(system.stack)
    assert not bodies(system.stack.redis)
