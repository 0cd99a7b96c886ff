"""What was spent between two moments, by kind of process."""

from __future__ import annotations

from benchmarks.spent.spent import Spent

BEFORE = Spent(seconds=10.0, cpu={"front end 1": 1.0}, busy=20.0, calls={"get": 4, "exec": 1}, trips=2, batches=1)
AFTER = Spent(
    seconds=12.0,
    cpu={"front end 1": 2.5, "front end 2": 0.5, "broker": 0.2},
    busy=23.0,
    calls={"get": 4, "exec": 21, "evalsha": 20},
    trips=12,
    batches=9,
)


def test_counters_are_told_from_their_start():
    spent = AFTER - BEFORE

    assert (spent.seconds, spent.commands, spent.trips, spent.batches) == (2.0, 40, 10, 8)


def test_commands_that_did_not_happen_are_left_out():
    assert (AFTER - BEFORE).calls == {"evalsha": 20, "exec": 20}


def test_processes_of_a_kind_count_together():
    assert (AFTER - BEFORE).of("front end") == 2.0


def test_the_fullest_process_is_named_with_its_share_of_a_core():
    assert (AFTER - BEFORE).fullest == ("front end 1", 0.75)


def test_others_are_what_nobody_of_ours_used():
    assert round((AFTER - BEFORE).others, 6) == 0.4
