"""Several revisions of one model: which one answers, and which takes over what waits for one that is gone."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.unit.server.fleet.directories import NOW, codecs, seen, shared_out
from tests.unit.server.stand_in import announced, card


def test_live_revisions_are_served_in_proportion_to_the_room_of_their_batchers():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0, room=64), announced(old, since=1.0, batchers=4, room=64))

    assert shared_out(directory) == {"r1": pytest.approx(80, abs=2), "r2": pytest.approx(20, abs=2)}


def test_the_shares_follow_the_batchers_from_look_to_look():
    old, new = card(revision="r1"), card(revision="r2")
    before = seen(announced(new, since=2.0, room=8), announced(old, since=1.0, batchers=3, room=8))

    after = seen(announced(new, since=2.0, batchers=3, room=8), announced(old, since=1.0, room=8), before=before)

    assert (shared_out(before)["r2"], shared_out(after)["r2"]) == (pytest.approx(25, abs=2), pytest.approx(75, abs=2))


def test_what_waits_for_a_dead_revision_is_shared_by_those_that_live():
    dead, old, new = card(revision="r1"), card(revision="r2"), card(revision="r3")

    directory = seen(
        announced(dead, since=1.0, batchers=0), announced(old, since=2.0, room=8), announced(new, since=3.0, room=8)
    )

    followed = Counter(directory.successor(dead).card.revision for _ in range(100))
    assert followed == {"r2": pytest.approx(50, abs=2), "r3": pytest.approx(50, abs=2)}


def test_a_listed_model_shows_which_revisions_live():
    old, new, gone = card(revision="r1"), card(revision="r2"), card(revision="r0")

    directory = seen(
        announced(new, since=2.0), announced(old, since=1.0, batchers=4), announced(gone, batchers=0), ready=codecs(old)
    )

    listed = directory.listed["echo"]
    assert (listed.card, listed.status, listed.batchers) == (old, "live", 5)
    assert [(one.card, one.status, one.batchers) for one in listed.revisions] == [(old, "live", 4), (new, "loading", 1)]


def test_an_older_revision_is_served_while_the_newest_has_no_batcher():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0, batchers=0), announced(old, since=1.0))

    assert directory.named("echo", NOW).card == old


def test_an_older_revision_is_served_until_the_codec_of_the_newest_is_ready():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0), announced(old, since=1.0), ready=codecs(old))

    assert directory.named("echo", NOW).card == old


def test_a_revision_with_a_batcher_has_no_successor():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0), announced(old, since=1.0))

    assert directory.successor(old) is None


def test_a_dead_revision_is_succeeded_by_the_one_that_is_served():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0), announced(old, since=1.0, batchers=0))

    assert directory.successor(old).card == new


def test_a_dead_newest_revision_is_succeeded_by_an_older_one():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0, batchers=0), announced(old, since=1.0))

    assert directory.successor(new).card == old


def test_a_dead_revision_without_another_has_no_successor():
    assert seen(announced(card(), batchers=0)).successor(card()) is None


def test_a_model_does_not_succeed_another_name():
    directory = seen(announced(card("a"), batchers=0), announced(card("b")))

    assert directory.successor(card("a")) is None


def test_a_revision_of_another_task_does_not_succeed_one_of_the_same_name():
    old, new = card(revision="r1"), card(revision="r2", task="singing")

    assert seen(announced(new)).successor(old) is None
