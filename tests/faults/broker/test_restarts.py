"""The broker dies, comes back with its data or with nothing, or its place is taken; and work goes on soon."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from broker.common.free_port import free_port
from tests.faults.kit import report
from tests.faults.kit.broker_process import DURABLE
from tests.faults.kit.oracle import check_answers, check_nothing_left, recovery
from tests.faults.kit.proxied import PROGRAMS, ProxiedStack, held, proxied_stack
from tests.faults.kit.traffic import Call, ask, traffic
from tests.waiting import until

WELL_AFTER = 2.0  # seconds after the broker is back, until every request is answered again
NOTICED_AFTER = 1.5  # seconds after it went, until requests are turned away at once
AT_ONCE = 1.0  # seconds, on a busy machine
WAITING = 20
HELD_UP = "held up"  # so their texts begin
NUMBERS = itertools.count()


@pytest.fixture(scope="module", params=PROGRAMS, ids=[one.family for one in PROGRAMS])
def system(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ProxiedStack]:
    with proxied_stack(tmp_path_factory.mktemp("system"), *DURABLE, binary=request.param) as made:
        yield made


@contextlib.contextmanager
def held_up(system: ProxiedStack) -> Iterator[list[Call]]:
    """The batcher stands still in the block, while requests wait; yields what has become of them, long afterwards."""
    calls: list[Call] = []
    texts = [f"{HELD_UP} {next(NUMBERS)}" for _ in range(WAITING)]
    asking = threading.Thread(target=lambda: calls.extend(ask(system.stack.urls, texts=texts)))
    system.stack.batchers[0].pause()
    try:
        asking.start()
        until(lambda: sum(HELD_UP.encode() in job for job in held(system.stack.redis)) == WAITING, "all of them wait")
        yield calls
    finally:
        system.stack.batchers[0].resume()


def pass_by(seconds: float) -> None:
    """An outage lasts as long as it lasts."""
    ending = time.monotonic() + seconds
    until(lambda: time.monotonic() >= ending, "the outage is over", within=seconds + 10.0)


@pytest.mark.parametrize(
    ("keep_data", "outage"),
    [
        pytest.param(True, 0.0, id="back at once, with its data"),
        pytest.param(False, 0.0, id="back at once, empty"),
        pytest.param(True, 5.0, id="back after 5 s, with its data"),
        pytest.param(False, 5.0, id="back after 5 s, empty"),
    ],
)
def test_requests_wait_for_a_broker_that_was_killed_and_new_ones_are_turned_away_meanwhile(
    system: ProxiedStack, keep_data: bool, outage: float, request: pytest.FixtureRequest
) -> None:
    with traffic(system.stack.urls, rate=100) as calls:
        with held_up(system) as waiting:
            killed = time.monotonic()
            system.broker.kill()
            if not keep_data:
                system.broker.wipe()
        pass_by(outage)
        back = time.monotonic()
        system.broker.start()
        pass_by(WELL_AFTER + 1.0)
        until(lambda: waiting, "those who waited have met their fate", within=35.0)

    assert check_answers(waiting) == {200: WAITING}
    check_answers(calls, errors={503})
    assert [call for call in calls if call.sent > back + WELL_AFTER and call.status != 200] == []
    late = [call for call in calls if killed + NOTICED_AFTER < call.sent < back and call.status == 503]
    assert all(call.seconds < AT_ONCE for call in late)
    how = request.node.callspec.id.partition("-")[2]
    report.record(f"broker killed, {how} ({system.broker.kind}): after it was back", recovery(calls, back))
    check_nothing_left(system.stack)


def test_a_broker_that_becomes_a_replica_is_503_until_it_is_a_master_again_and_connections_are_new(
    system: ProxiedStack,
) -> None:
    with system.broker.client() as client, traffic(system.stack.urls, rate=100) as calls:
        before = our_connections(client)

        client.replicaof("127.0.0.1", free_port())
        until(lambda: any(call.status == 503 for call in calls), "somebody is turned away")
        pass_by(1.0)
        client.replicaof("NO", "ONE")
        back = time.monotonic()
        pass_by(WELL_AFTER + 1.0)
        after = our_connections(client)

    assert check_answers(calls, errors={503})[503]
    assert [call for call in calls if call.sent > back + WELL_AFTER and call.status != 200] == []
    assert before and not before & after  # a name is looked up anew with each, and may lead elsewhere by now
    report.record(f"read-only after a failover ({system.broker.kind}): after it ended", recovery(calls, back))
    check_nothing_left(system.stack)


def our_connections(client: redis.Redis) -> set[str]:
    """By their ids. The starter's is left out: it reads an answer no sooner than it starts the next staged batch."""
    found: Any = client.client_list(_type="normal")
    ours = (one for one in found if one["name"].startswith("jitney-") and one["name"] != "jitney-starter")
    return {one["id"] for one in ours}
