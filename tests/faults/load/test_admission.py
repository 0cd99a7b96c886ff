"""Who is let in is answered in time, and nobody is turned away for nothing: short deadlines, quiet hours, floods."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.faults.kit.oracle import check_answers, check_nothing_left
from tests.faults.kit.traffic import Call, ask, traffic
from tests.integration.stack import Stack, stack

pytestmark = pytest.mark.timeout(120)
FIXED, PER_JOB, ROOM = 0.040, 0.002, 16
CAPACITY = ROOM / (FIXED + PER_JOB * ROOM)  # jobs a second: 222
SECONDS = 4.0
LATE_SHARE = 0.02  # of those that were let in: a machine that stands still for a moment makes some late,
LATE_SHARE_OF_SHORT = 0.1  # and more of those whose deadline is such a moment


@pytest.fixture
def system() -> Iterator[Stack]:
    with stack((f"synthetic:{FIXED * 1000:g}ms+{PER_JOB * 1000:g}ms",), max_batch_size=ROOM) as made:
        yield made
        check_nothing_left(made)


def learn(system: Stack) -> None:
    """Batches of several sizes, and a moment until the front end has heard of it."""
    for count in (1, 4, 3 * ROOM):
        ask(system.urls, count)
    time.sleep(1.5)


def within(seconds: float, lane: str = "interactive") -> dict[str, str]:
    return {"X-Request-Timeout": f"{seconds:g}", "Jitney-Lane": lane}


def fates(calls: list[Call]) -> Counter[int]:
    return check_answers(calls, errors={429, 504})


def assert_in_time(ends: Counter[int], share: float = LATE_SHARE) -> None:
    assert ends[504] <= share * (ends[200] + ends[504]), f"let in and not answered in time: {dict(ends)}"


# Every batch under way once counted as a full one, and this system refused three quarters of half its capacity.
def test_half_the_capacity_is_let_in_though_deadlines_are_four_batches_short(system: Stack) -> None:
    learn(system)

    with traffic(system.urls, rate=CAPACITY / 2, headers=within(4 * (FIXED + PER_JOB * ROOM))) as calls:
        time.sleep(SECONDS)

    ends = fates(calls)
    assert_in_time(ends, LATE_SHARE_OF_SHORT)
    assert ends[429] <= 0.1 * len(calls), f"turned away for nothing: {dict(ends)}"


def test_short_deadlines_leave_most_of_the_capacity_under_overload(system: Stack) -> None:
    learn(system)

    with traffic(system.urls, rate=2 * CAPACITY, headers=within(4 * (FIXED + PER_JOB * ROOM))) as calls:
        time.sleep(SECONDS)

    ends = fates(calls)
    assert_in_time(ends, LATE_SHARE_OF_SHORT)
    assert ends[200] >= 0.7 * CAPACITY * SECONDS


# A line through lone jobs says nothing of full batches: this system once let in six times what it could serve in time.
def test_lone_jobs_alone_do_not_open_the_door_to_more_than_can_be_served() -> None:
    with stack(("synthetic:5ms+10ms",), max_batch_size=64) as system:
        for _ in range(100):
            ask(system.urls)

        with traffic(system.urls, rate=600.0, headers=within(2.0)) as calls:
            time.sleep(SECONDS)

        assert_in_time(fates(calls))
        check_nothing_left(system)


# What lone requests took, times 64, was once said to be the time of a full batch: 57 of 64 were turned away.
@pytest.mark.parametrize(
    "model",
    [
        pytest.param("synthetic:200ms+0ms", id="that takes the same for one and for many"),
        pytest.param("tests.faults.kit.own_models:Steady,name=synthetic", id="that tells nothing of itself"),
        pytest.param("tests.faults.kit.own_models:Cold,name=synthetic", id="whose first batch is cold"),
    ],
)
def test_after_lone_requests_a_burst_is_let_in_to_a_model(model: str) -> None:
    with stack((model,), max_batch_size=64) as system:
        for _ in range(3):
            ask(system.urls)
        time.sleep(1.5)  # the front end has heard of it

        calls = ask(system.urls, 64, headers=within(1.0))

        assert fates(calls) == {200: 64}
        check_nothing_left(system)


# The mean of their fixed parts, 1.5 s a batch, was once taken for the time of both: 845 were turned away.
def test_a_slow_batcher_beside_a_fast_one_turns_nobody_away() -> None:
    with stack(("synthetic:10ms+0.5ms", "synthetic:3s"), max_batch_size=64) as system:
        system.wait_live(2)
        for count in (1, 64, 256):  # both know what they take
            ask(system.urls, count)
        time.sleep(1.5)

        calls = ask(system.urls, 1_000, headers=within(6.0))

        assert fates(calls) == {200: 1_000}


# A batch holds ten of these jobs, of two tokens each, and was once taken for one of 64: more than half came too late.
def test_where_tokens_bind_who_is_let_in_is_answered_in_time() -> None:
    capacity, model = 10 / (FIXED + PER_JOB * 10), f"synthetic:{FIXED * 1000:g}ms+{PER_JOB * 1000:g}ms"
    with stack((model,), max_batch_size=64, max_batch_tokens=20) as system:
        learn(system)

        with traffic(system.urls, rate=2 * capacity, headers=within(1.0)) as calls:
            time.sleep(SECONDS)

        ends = fates(calls)
        assert_in_time(ends, LATE_SHARE_OF_SHORT)
        assert ends[200] >= 0.7 * capacity * SECONDS
        check_nothing_left(system)


def test_bulk_that_is_let_in_while_both_lanes_are_flooded_is_answered_in_time(system: Stack) -> None:
    learn(system)

    with (
        traffic(system.urls, rate=1.5 * CAPACITY, headers=within(2.0)) as interactive,
        traffic(system.urls, rate=0.5 * CAPACITY, headers=within(3.0, "bulk")) as bulk,
    ):
        time.sleep(2 * SECONDS)

    assert_in_time(fates(interactive))
    assert_in_time(fates(bulk))
    assert Counter(call.status for call in bulk)[200] >= CAPACITY / 8 * SECONDS  # its eighth, at the least half of it
