"""Callers that flood, among real processes: each has its turn, its weight and its rate, whichever front end it asks."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from broker.credentials.credential import list_of
from broker.embedded import Server, embedded_server
from tests.faults.kit.broker_process import NO_VARIABLES
from tests.faults.kit.keys import PATH, add, ask, bearer, id_of, keyed_stack, until_status
from tests.integration.processes import FrontEnd, Reply
from tests.integration.stack import Stack

BATCH, SECONDS = 64, 0.1  # jobs and time of a full batch
SPEC = f"synthetic:{int(1000 * SECONDS)}ms+0ms"
FLOOD = 10_000  # jobs
A_REQUEST = 200  # records of one of its requests
WAITS = {"X-Request-Timeout": "120"}
TEXTS = itertools.count()


@contextmanager
def system(front_ends: int = 1, spec: str = SPEC) -> Iterator[tuple[Stack, Server]]:
    with ExitStack() as stack:
        broker = stack.enter_context(embedded_server(tcp=True, environ=NO_VARIABLES))
        settings = {"max_queue_jobs": 2 * FLOOD, "max_batch_size": BATCH}
        made = stack.enter_context(keyed_stack(broker, spec, **settings))
        for _ in range(front_ends - 1):
            made.start_front_end()
        yield made, broker


def add_apart(url: str, *weights: int) -> list[str]:
    """Keys of these weights whose callers have a list each."""
    found: dict[int, str] = {}
    while len(found) < len(weights):
        key = add(url, "caller", "--weight", str(weights[len(found)]))
        found.setdefault(list_of(id_of(key)), key)
    return list(found.values())


def send(front_end: FrontEnd, key: str, records: int) -> Reply:
    """Each time other texts, which no cache knows."""
    body = {"payload": {"records": [{"id": number, "text": str(next(TEXTS))} for number in range(records)]}}
    return front_end.post(PATH, body, bearer(key) | WAITS)


def test_one_job_beside_a_flood_waits_for_two_batches_and_no_more() -> None:
    with system() as (made, broker), ThreadPoolExecutor(FLOOD // A_REQUEST) as pool:
        [front_end] = made.front_ends
        flooding, other = add_apart(broker.url, 1, 1)
        for key in (flooding, other):
            until_status(front_end, key, 200)
        flood = [pool.submit(send, front_end, flooding, A_REQUEST) for _ in range(FLOOD // A_REQUEST)]
        wait_for_depth(made, FLOOD // 2)

        replies = [ask(front_end, other) for _ in range(5)]

        waited = sorted(queued(reply) for reply in replies)
        assert [reply.status for reply in replies] == [200] * 5
        assert waited[2] < 2.5 * SECONDS  # seconds: the batch under way, the next one, and what the machine adds
        assert sum(future.done() for future in flood) < len(flood) / 2  # it was in the midst of it
        assert {future.result().status for future in flood} == {200}  # and nothing of it is lost


def wait_for_depth(made: Stack, jobs: int) -> None:
    client, ends = made.redis, time.monotonic() + 30.0
    while time.monotonic() < ends:
        lists = [key for key in client.scan_iter("*:q:*") if client.type(key) == b"list"]
        if sum(client.llen(key) for key in lists) >= jobs:
            return
        time.sleep(0.02)
    pytest.fail("the flood has not come")


def queued(reply: Reply) -> float:
    """Seconds that its jobs waited, by Server-Timing."""
    [found] = re.findall(r"queue;dur=([\d.]+)", reply.headers["server-timing"])
    return float(found) / 1000


def test_three_callers_are_served_by_their_weights() -> None:
    weights = (1, 3, 5)
    with system(spec="synthetic:50ms+0ms") as (made, broker):
        [front_end] = made.front_ends
        by_weight = dict(zip(add_apart(broker.url, *weights), weights, strict=True))
        for key in by_weight:
            until_status(front_end, key, 200)

        took = loop_for(6.0, 8, by_weight, lambda key: send(front_end, key, 32))

        shares = [took[key] / weight for key, weight in by_weight.items()]
        assert sum(shares) ** 2 / (3 * sum(share * share for share in shares)) >= 0.98, took


def loop_for(seconds: float, threads: int, callers: object, send_one: Callable[[str], Reply]) -> Counter[str]:
    """What each caller was answered in that time by so many threads that ask again and again."""
    took: Counter[str] = Counter()
    lock, ends = threading.Lock(), time.monotonic() + seconds

    def loop(key: str) -> None:
        while time.monotonic() < ends:
            if send_one(key).status == 200 and time.monotonic() < ends:
                with lock:
                    took[key] += 1

    with ThreadPoolExecutor(100) as pool:
        for future in [pool.submit(loop, key) for key in callers for _ in range(threads)]:  # type: ignore[attr-defined]
            future.result()
    return took


def test_a_rate_is_one_whatever_front_end_is_asked() -> None:
    with system(3, "synthetic:1ms+0ms") as (made, broker):
        key = add(broker.url, "limited", "--limits", "20 requests/s")
        for front_end in made.front_ends:
            until_status(front_end, key, 200)
        time.sleep(1.1)  # nothing of it is used

        began, replies = time.monotonic(), list[Reply]()
        ends = began + 5.0
        with ThreadPoolExecutor(6) as pool:
            for found in pool.map(lambda one: until(ends, one, key), made.front_ends * 2):
                replies += found
        before = time.monotonic()
        last = ask(made.front_ends[0], key)

        let_in = [reply for reply in [*replies, last] if reply.status == 200]
        assert {reply.status for reply in replies} == {200, 429}
        assert 0.99 * 20 * (1 + before - began) <= len(let_in) + left(last) + 1
        assert len(let_in) + left(last) <= 1.01 * 20 * (1 + time.monotonic() - began) + 1
        refused = next(reply for reply in replies if reply.status == 429)
        assert (refused.json()["code"], refused.json()["violated-policies"]) == ("rate_limited", ["requests"])
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["ratelimit-policy"] == '"requests";q=20;w=1'


def until(ends: float, front_end: FrontEnd, key: str) -> list[Reply]:
    found = []
    while time.monotonic() < ends:
        found.append(ask(front_end, key))
    return found


def left(reply: Reply) -> int:
    return int(reply.headers["ratelimit"].split(";r=")[1].split(";")[0])


def test_so_many_at_once_and_a_front_end_that_dies_holds_none_of_them() -> None:
    with system(2, "synthetic:300ms+0ms") as (made, broker), ThreadPoolExecutor(8) as pool:
        doomed, front_end = made.front_ends
        key = add(broker.url, "two at once", "--limits", "2 at once")
        for one in made.front_ends:
            until_status(one, key, 200)

        statuses = Counter(reply.status for reply in pool.map(lambda _: ask(front_end, key), range(8)))
        assert statuses == {200: 2, 429: 6}
        brief = bearer(key) | {"X-Request-Timeout": "2"}
        held = [pool.submit(ask, doomed, headers=brief) for _ in range(2)]
        time.sleep(0.15)
        doomed.kill()

        assert ask(front_end, key).status == 429
        until_status(front_end, key, 200, within=5.0)
        for future in held:
            assert future.exception() is not None
