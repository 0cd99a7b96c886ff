"""Front ends with the history on, and a broker that is killed, without memory or without room: no request fails or
waits for its row, what has room arrives in the end, and what has none is counted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from broker.history.contract import MOST_BYTES
from broker.history.rows import HistoryRow, rows_of
from tests.faults.kit.broker_process import DURABLE, BrokerProcess, broker_process
from tests.faults.kit.oracle import KEYS, check_answers
from tests.faults.kit.traffic import Call, ask, traffic, wait_for_more
from tests.integration.processes import FrontEnd
from tests.integration.stack import Stack, stack
from tests.waiting import until

LONG = 1.5  # seconds that an answer takes, on a busy machine
MODEL = "synthetic:2ms+0.1ms"


@pytest.fixture
def broker() -> Iterator[BrokerProcess]:
    with broker_process(*DURABLE) as running:
        yield running


def history(system: Stack) -> list[HistoryRow]:
    """What has arrived, each row once: one whose reply was lost is brought again."""
    blocks: Sequence[bytes] = system.redis.lrange(KEYS.history, 0, -1)  # type: ignore[assignment]
    return list({row.id: row for block in blocks if block != b"x" for row in rows_of(block)}.values())


def answered(of: Sequence[Call | HistoryRow]) -> int:
    return sum(one.status == 200 for one in of)


def all_arrive(system: Stack, calls: Sequence[Call]) -> None:
    until(lambda: answered(history(system)) >= answered(calls), "every answer has its row", within=15.0)
    assert answered(history(system)) == answered(calls)


def fill(system: Stack) -> None:
    """The list has no room."""
    system.redis.rpush(KEYS.history, b"x")
    system.redis.hset(KEYS.history_state, "bytes", MOST_BYTES)


def counted(front_end: FrontEnd, what: str) -> int:
    found = re.search(rf"^jitney_history_{what} ([\d.]+)$", front_end.metrics(), re.MULTILINE)
    return int(float(found[1])) if found else 0


def dropped(front_end: FrontEnd) -> int:
    said = re.findall(r'^jitney_history_rows_total\{fate="dropped",.*\} ([\d.]+)$', front_end.metrics(), re.MULTILINE)
    return sum(int(float(rows)) for rows in said)


def kill_and_start(broker: BrokerProcess) -> None:
    broker.kill()
    time.sleep(1.0)
    broker.start()


def spend_memory(broker: BrokerProcess) -> None:
    with broker.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        time.sleep(1.0)
        client.config_set("maxmemory", 0)


@pytest.mark.parametrize("fault", [kill_and_start, spend_memory])
def test_a_broker_that_fails_costs_no_answer_its_row(
    broker: BrokerProcess, fault: Callable[[BrokerProcess], None]
) -> None:
    with stack([MODEL], front_ends=2, broker=broker.server, history="on") as system:
        with traffic(system.urls, rate=100) as calls:
            wait_for_more(calls, 50)
            fault(broker)
            back = time.monotonic()
            until(lambda: any(call.status == 200 and call.sent > back for call in calls), "answers go on", within=20.0)
            wait_for_more(calls, 50)

        check_answers(calls, errors={503})
        assert answered(calls) > 50
        all_arrive(system, calls)
        assert sum(map(dropped, system.front_ends)) == 0


def test_a_list_without_room_fails_and_holds_up_no_request_and_what_is_dropped_is_counted(
    broker: BrokerProcess,
) -> None:
    with stack([MODEL], broker=broker.server, history="on", history_inputs="full") as system:
        [front_end] = system.front_ends
        fill(system)
        with traffic(system.urls, rate=100, padding=8_000, padded=1) as calls:  # 16 MiB are a thousand of them
            until(lambda: dropped(front_end) > 20, "the front end has no room either", within=60.0)

        assert set(check_answers(calls)) == {200}
        assert sorted(call.seconds for call in calls)[int(0.99 * len(calls))] < LONG
        system.redis.delete(KEYS.history)
        lost = dropped(front_end)
        until(lambda: len(history(system)) + lost >= len(calls), "what had room arrives", within=30.0)
        assert len(history(system)) + lost == len(calls)
        until(lambda: system.redis.hget(KEYS.history_state, "dropped") == b"%d" % lost, "operators see the others")


def test_what_waits_in_a_front_end_that_is_told_to_stop_arrives(broker: BrokerProcess) -> None:
    with stack([MODEL], broker=broker.server, history="on", drain_seconds=0.0) as system:
        [front_end] = system.front_ends
        fill(system)
        calls = ask(system.urls, 5)
        until(lambda: "the broker has no room" in front_end.stderr(), "it has tried")
        assert counted(front_end, "rows_waiting") == 5
        system.redis.delete(KEYS.history)  # it would try again a second after that

        assert front_end.stop() == 0

        assert answered(history(system)) == len(calls) == 5
