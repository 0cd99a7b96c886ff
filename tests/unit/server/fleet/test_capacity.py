"""How long a request would wait, from what its batchers announce."""

from __future__ import annotations

import pytest

from broker.messages import Presence, Speed
from server.fleet.capacity import CAUTION, UNKNOWN, Capacity


def batcher(room: int = 64, fixed: float = 0.0, per_job: float = 0.0) -> Presence:
    return Presence(batcher="b", model="toy@r1", room=room, speed=Speed(fixed=fixed, per_job=per_job))


FAST = batcher(room=50, fixed=0.1, per_job=0.008)  # 50 jobs in 0.5 s: 100 a second
SLOW = batcher(room=10, fixed=1.0)  # 10 a second
NEW = batcher(room=31)


@pytest.mark.parametrize(
    ("batchers", "whole"),
    [
        pytest.param([], UNKNOWN, id="nobody"),
        pytest.param([NEW, NEW], UNKNOWN, id="nobody who knows"),
        pytest.param([FAST], Capacity(fixed=0.1, per_job=0.008, room=50), id="one"),
        pytest.param([FAST, FAST], Capacity(fixed=0.1, per_job=0.004, room=100), id="two share the jobs"),
        pytest.param([FAST, NEW], Capacity(fixed=0.1, per_job=0.00405, room=81), id="a new one is as fast"),
        pytest.param([batcher(room=0, fixed=0.1)], UNKNOWN, id="one that takes no jobs"),
        pytest.param([batcher(fixed=1e-300), batcher(per_job=1e308)], UNKNOWN, id="speeds that nobody can have"),
    ],
)
def test_a_pace_is_that_of_all_batchers_together(batchers, whole):
    found = Capacity.of(batchers)

    assert (found.fixed, found.per_job, found.room) == pytest.approx((whole.fixed, whole.per_job, whole.room), rel=0.01)


@pytest.mark.parametrize(
    ("time_left", "jobs", "most"),
    [
        # 0.1 s for the batch under way; three quarters of the rest are for batches of 0.1 s + 8 ms a job, 50 at most
        pytest.param(4.1, 1, 299, id="so many full batches, less itself"),
        pytest.param(4.1, 100, 200, id="a larger request is last served later"),
        pytest.param(4.3, 1, 305, id="and a last batch that is not full"),
        pytest.param(0.3, 1, 5, id="with little time, a small batch"),
        pytest.param(0.2, 1, -1, id="shorter than any batch: only where nothing is before it"),
    ],
)
def test_so_many_jobs_may_be_before_a_request(time_left, jobs, most):
    assert Capacity.of([FAST]).most_ahead(time_left, jobs) == most


# Three seconds of a slow card once counted for every batch of a fast one beside it: 845 were refused for nothing.
def test_the_rates_of_a_slow_batcher_and_a_fast_one_add():
    fast, slow = batcher(room=64, fixed=0.010, per_job=0.0005), batcher(room=64, fixed=3.0)

    both = Capacity.of([fast, slow])

    assert both.seconds_for(15_450) == pytest.approx(10.0, rel=0.05)  # 1,524 + 21 a second
    assert both.most_ahead(1.0, 1) >= Capacity.of([fast]).most_ahead(1.0, 1) * 0.9


def test_a_batcher_that_is_stuck_takes_its_rate_with_it():
    stuck = batcher(room=50, fixed=60.0, per_job=0.008)

    assert Capacity.of([FAST, stuck]).seconds_for(1_000) == pytest.approx(10.0, rel=0.05)


def test_a_new_batcher_beside_a_slow_one_and_a_fast_one_is_taken_for_what_most_jobs_meet():
    both = Capacity.of([FAST, SLOW])

    assert Capacity.of([FAST, SLOW, NEW]).seconds_for(10_000) < both.seconds_for(10_000) / 1.4


def test_where_there_is_no_batcher_nothing_is_known() -> None:
    assert Capacity.of([]) == UNKNOWN == Capacity(fixed=0.0, per_job=0.0, room=0, batch=0)
    assert UNKNOWN.expected(1_000) == 0.0


def test_nobody_is_refused_while_no_batcher_knows_its_speed():
    assert UNKNOWN.most_ahead(0.001, 1_000) is None


@pytest.mark.parametrize("ahead", [0, 1, 48, 49, 50, 249, 5_000])
@pytest.mark.parametrize(
    "capacity", [Capacity.of([FAST]), Capacity.of([FAST, FAST]), Capacity(fixed=0.0, per_job=0.01, room=8)]
)
def test_the_bound_is_where_the_expected_wait_meets_the_time_left(ahead, capacity):
    just_enough = capacity.expected(ahead + 1)

    assert capacity.most_ahead(just_enough + 1e-6, 1) == ahead
    assert capacity.most_ahead(just_enough - 1e-6, 1) == ahead - 1


def test_the_expected_wait_is_generous():
    assert Capacity.of([FAST]).expected(100) == pytest.approx(0.1 + CAUTION * 2 * 0.5)


def of_tokens(cost: float, room: int = 64, room_tokens: int = 100, fixed: float = 0.040, per_job: float = 0.002):
    speed = Speed(fixed=fixed, per_job=per_job)
    return Presence(batcher="b", model="toy@r1", room=room, room_tokens=room_tokens, cost=cost, speed=speed)


def test_where_tokens_bind_a_batch_holds_fewer_jobs():
    by_jobs, by_tokens = (count([of_tokens(cost=10.0)]) for count in (Capacity.of, Capacity.in_tokens))

    assert by_jobs.seconds_for(640) == pytest.approx(10 * 0.168)
    assert by_tokens.seconds_for(6_400) == pytest.approx(64 * 0.060)
    assert by_tokens.most_ahead(1.0, 10) < 10 * by_jobs.most_ahead(1.0, 1)


def test_where_they_do_not_bind_jobs_are_the_narrower_bound():
    batchers = [of_tokens(cost=10.0, room_tokens=16_384)]
    by_jobs, by_tokens = Capacity.of(batchers), Capacity.in_tokens(batchers)

    assert by_tokens.seconds_for(6_400) < by_jobs.seconds_for(640)


def test_a_long_job_among_short_ones_is_not_taken_to_last_longer_than_a_full_batch():
    by_tokens = Capacity.in_tokens([of_tokens(cost=2.0, room_tokens=16_384)])

    assert by_tokens.seconds_for(16_384) <= 0.168 + 1e-9


@pytest.mark.parametrize("batcher", [of_tokens(cost=0.0), of_tokens(cost=10.0, room_tokens=0)], ids=["no job", "old"])
def test_nobody_is_refused_by_tokens_while_nobody_knows_how_many_a_job_has(batcher):
    assert Capacity.in_tokens([batcher]).most_ahead(0.001, 10**6) is None


def test_jobs_of_one_token_are_known_as_well():
    assert Capacity.in_tokens([of_tokens(cost=1.0)]).seconds_for(100) == pytest.approx(0.040 + 64 * 0.002)


def test_the_smallest_batch_of_all_is_known_though_no_speed_is():
    assert Capacity.of([NEW, batcher(room=8), FAST]).batch == 8
    assert Capacity.of([NEW, batcher(room=8)]).batch == 8
