"""What was spent between two moments, by kind of process."""

from __future__ import annotations

from benchmarks.lib.spent import Spent

BEFORE = Spent(seconds=10.0, cpu={"front end 1": 1.0}, busy=20.0, commands=5, trips=2, batches={"batcher": 1})
AFTER = Spent(
    seconds=12.0,
    cpu={"front end 1": 2.5, "front end 2": 0.5, "broker": 0.2},
    busy=23.0,
    commands=45,
    trips=12,
    batches={"batcher": 9},
)


def test_counters_are_told_from_their_start():
    spent = AFTER - BEFORE

    assert (spent.seconds, spent.commands, spent.trips, spent.batches) == (2.0, 40, 10, {"batcher": 8})


def test_processes_of_a_kind_count_together():
    assert (AFTER - BEFORE).of("front end") == 2.0


def test_the_fullest_process_is_named_with_its_share_of_a_core():
    assert (AFTER - BEFORE).fullest == ("front end 1", 0.75)


def test_others_are_what_nobody_of_ours_used():
    assert round((AFTER - BEFORE).others, 6) == 0.4
