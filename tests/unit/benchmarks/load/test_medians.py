"""Rounds become rows."""

from __future__ import annotations

from benchmarks.load.medians import grouped, middle


def test_rows_of_one_key_come_together_and_keys_as_they_came_first():
    assert list(grouped(["b1", "a1", "b2"], lambda row: row[0]).items()) == [("b", ["b1", "b2"]), ("a", ["a1"])]


def test_one_round_that_was_disturbed_does_not_move_the_figure():
    assert middle([(3.0,), (100.0,), (2.0,)], lambda row: row[0]) == 3.0
