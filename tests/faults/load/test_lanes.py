"""Lanes under a flood: whatever fills one of them, the other one's jobs are answered about as soon as before."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from math import ceil

import pytest

from tests.faults.kit.oracle import check_answers, check_nothing_left
from tests.faults.kit.report import record
from tests.faults.kit.traffic import PATH, Call, ask, traffic
from tests.integration.stack import Stack, stack
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)
FIXED, PER_JOB, ROOM = 0.200, 0.005, 16  # a pace, slow enough that this machine's own delays weigh little
FULL_BATCH = FIXED + PER_JOB * ROOM
CAPACITY = ROOM / FULL_BATCH  # jobs a second: 57
FLOOD = 2 * CAPACITY
TRICKLE = 5.0  # requests a second in the other lane: less than its eighth
SECONDS = 6.0
SLACK = 0.25  # seconds: two cores that run everything at once
TIMEOUT = {"X-Request-Timeout": "3"}
BULK, INTERACTIVE = {"Jitney-Lane": "bulk"}, {"Jitney-Lane": "interactive"}


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    pace = f"synthetic:{FIXED * 1000:g}ms+{PER_JOB * 1000:g}ms"
    with stack((pace,), max_batch_size=ROOM) as made:
        ask(made.urls, 3 * ROOM)  # so that the batcher knows its speed
        yield made


def p99(calls: Sequence[Call]) -> float:
    """Nearest rank."""
    seconds = sorted(call.seconds for call in calls)
    return seconds[ceil(0.99 * len(seconds)) - 1]


def unloaded(system: Stack, lane: dict[str, str]) -> float:
    return p99([call for _ in range(5) for call in ask(system.urls, headers=lane)])


@pytest.mark.parametrize(("flooded", "other"), [(BULK, INTERACTIVE), (INTERACTIVE, BULK)], ids=["bulk", "interactive"])
def test_a_flood_in_one_lane_costs_the_other_two_full_batches_at_most(
    system: Stack, flooded: dict[str, str], other: dict[str, str]
) -> None:
    alone = unloaded(system, other)

    with traffic(system.urls, rate=FLOOD, headers={**flooded, **TIMEOUT}) as flood:
        until(lambda: any(call.status == 429 for call in flood), "the flood has filled its lane", within=20.0)
        with traffic(system.urls, rate=TRICKLE, headers=other) as calls:
            time.sleep(SECONDS)

    assert check_answers(calls)[200] >= 0.8 * SECONDS * TRICKLE
    assert check_answers(flood, errors={429})[200] >= SECONDS * CAPACITY / 2
    record(f"a flood of {flooded['Jitney-Lane']}, by the other lane (p99)", p99(calls) - alone)
    assert p99(calls) <= alone + 2 * FULL_BATCH + SLACK
    check_nothing_left(system)


def test_bulk_rides_along_while_interactive_jobs_fill_every_batch(system: Stack) -> None:
    wanted = [f"bulk {number}" for number in range(2 * ROOM)]

    with traffic(system.urls, rate=FLOOD, headers={**INTERACTIVE, **TIMEOUT}) as flood:
        until(lambda: any(call.status == 429 for call in flood), "the flood has filled its lane", within=20.0)
        started = time.monotonic()
        calls = ask(system.urls, texts=wanted, headers=BULK)
        seconds = time.monotonic() - started

    check_answers(calls)
    check_answers(flood, errors={429})
    # An eighth of each batch; and before that the one under way, the one staged, and one that may pass bulk over.
    assert seconds <= (len(wanted) / (ROOM / 8) + 3) * FULL_BATCH * 1.5


@pytest.mark.parametrize("lane", ["", "express", "bulk;interactive"])
def test_a_lane_that_does_not_exist_is_refused_by_its_name(system: Stack, lane: str) -> None:
    body = {"payload": {"records": [{"id": "1", "text": "ab"}]}}

    reply = system.post(PATH, body, {"Jitney-Lane": lane})

    assert (reply.status, reply.json()["code"]) == (400, "malformed")
    assert "interactive or bulk" in reply.json()["detail"]
