"""Two models under one name."""

from __future__ import annotations

import pytest

from server.errors import Problem
from server.fleet.name_conflicts import differences
from tests.unit.server.fleet.directories import NOW, seen
from tests.unit.server.stand_in import announced, card


@pytest.mark.parametrize("newer_first", [True, False])
def test_a_name_stays_with_the_task_that_had_it_first(newer_first):
    first, second = card(revision="r1"), card(revision="r2", task="singing")
    both = [announced(first, since=1.0), announced(second, since=2.0)]

    directory = seen(*(reversed(both) if newer_first else both))

    assert directory.named("echo", NOW).card == first
    assert (directory.listed["echo"].card, list(directory.turned_away)) == (first, [second])


def test_a_name_is_not_passed_on_while_a_batcher_restarts():
    first, second = card(revision="r1"), card(revision="r2", task="singing")

    directory = seen(announced(first, since=1.0, batchers=0), announced(second, since=2.0))

    with pytest.raises(Problem) as caught:
        directory.named("echo", NOW)
    assert caught.value.code == "no_batcher"


def test_a_name_is_free_once_its_first_card_is_pruned():
    second = card(revision="r2", task="singing")

    directory = seen(announced(second, since=2.0), before=seen(announced(card(revision="r1"))))

    assert directory.named("echo", NOW).card == second


def test_two_revisions_under_one_name_are_rivals_while_both_live():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0), announced(old, since=1.0))

    assert directory.rivals == {"echo": (old, new)}
    assert seen(announced(new, since=2.0), announced(old, batchers=0)).rivals == {}


@pytest.mark.parametrize(
    ("fields", "differ"),
    [
        ({}, []),
        ({"labels": ["a"]}, ["labels"]),
        ({"codec": "text", "max_cost": 9}, ["codec", "max_cost"]),
        ({"artifacts": {"tokenizer.json": "a" * 64}}, ["artifacts"]),
    ],
    ids=str,
)
def test_what_revisions_of_one_model_rarely_differ_in_is_named(fields, differ):
    assert differences([card(revision="r1"), card(revision="r2", **fields)]) == differ
