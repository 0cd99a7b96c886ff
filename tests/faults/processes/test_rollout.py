"""A new revision beside the old one: each gets requests by the room of its batchers, and nobody pays for the change."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from tests.faults.kit.oracle import check_answers, check_nothing_left
from tests.faults.kit.traffic import Call, ask, traffic, wait_for_more
from tests.integration.processes import Process
from tests.integration.stack import Stack, stack

pytestmark = pytest.mark.timeout(120)
BEFORE, AFTER = (f"tests.faults.kit.own_models:{name},name=synthetic" for name in ("Before", "After"))
ROOM, SECONDS = 4, 0.1  # of a batch, 40 jobs a second
OLD = 4
RATE = 0.7 * (OLD + 1) * ROOM / SECONDS  # more than three batchers compute
DEADLINE = {"X-Request-Timeout": "2"}


@pytest.fixture
def system() -> Iterator[Stack]:
    with stack((BEFORE,) * OLD, max_batch_size=ROOM) as made:
        for _ in range(3):
            ask(made.urls, 2 * OLD * ROOM)  # they know how fast they are
        yield made


def shares(calls: Sequence[Call]) -> list[float]:
    """Of each revision, the largest first."""
    by_model = Counter(call.model for call in calls)
    return [count / len(calls) for _, count in by_model.most_common()]


# The newest revision once got everything: more than half was refused while four cards were idle.
def test_four_batchers_of_the_old_revision_and_one_of_the_new_share_the_load_by_their_room(system: Stack) -> None:
    system.start_batcher(AFTER)
    system.wait_live(OLD + 1)

    with traffic(system.urls, rate=RATE, headers=DEADLINE) as calls:
        time.sleep(5.0)

    assert check_answers(calls) == {200: len(calls)}
    assert shares(calls) == pytest.approx([OLD / (OLD + 1), 1 / (OLD + 1)], abs=0.02)
    check_nothing_left(system)


# What waited in the old revision's queue when its last batcher left was brought to the new one; its keys have an end.
def test_a_rollout_one_batcher_at_a_time_refuses_nobody(system: Stack) -> None:
    with traffic(system.urls, rate=0.5 * OLD * ROOM / SECONDS, headers=DEADLINE) as calls:
        for old in system.batchers[:OLD]:
            replace(system, old)
            wait_for_more(calls, 50)

    assert check_answers(calls) == {200: len(calls)}
    assert system.get("/v1/models").json()["models"][0]["batchers"] == OLD
    assert [one["batchers"] for one in system.get("/v1/models").json()["models"][0]["revisions"]] == [OLD]


def replace(system: Stack, old: Process) -> None:
    system.start_batcher(AFTER)
    assert old.stop() == 0
