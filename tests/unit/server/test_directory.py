"""What a look at the registry means for those who call."""

from __future__ import annotations

import pytest

from broker.messages import Fleet, Speed
from server.directory import Directory
from server.errors import Problem
from tests.unit.server.house import WordCodec, announced, card

NOW = 1_000.0


def codecs(*cards):
    return {one.key: WordCodec(one, {}) for one in cards}


def seen(*announcements, ready=None, before=None, now=NOW, known=frozenset()):
    """The directory after a look that showed these."""
    ready = codecs(*(one.card for one in announcements)) if ready is None else ready
    return (before or Directory()).updated(Fleet(epoch="e", announcements=announcements, known_names=known), ready, now)


def test_the_newest_live_revision_is_served():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0), announced(old, since=1.0))

    assert directory.named("echo", NOW).card == new


def test_an_older_revision_is_served_while_the_newest_has_no_batcher():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0, batchers=0), announced(old, since=1.0))

    assert directory.named("echo", NOW).card == old


def test_an_older_revision_is_served_until_the_codec_of_the_newest_is_ready():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0), announced(old, since=1.0), ready=codecs(old))

    assert directory.named("echo", NOW).card == old


def test_a_model_without_codec_cannot_be_called_yet():
    directory = seen(announced(card()), ready={})

    with pytest.raises(Problem) as caught:
        directory.named("echo", NOW)

    assert caught.value.code == "no_batcher"


def test_a_name_the_broker_still_knows_without_a_card_is_not_unknown():
    directory = seen(known=frozenset({"echo"}))

    with pytest.raises(Problem) as caught:
        directory.named("echo", NOW)

    assert caught.value.code == "no_batcher"


def test_a_model_that_came_back_is_missing_no_more():
    gone = seen(before=seen(announced(card())), now=NOW + 5)

    back = seen(announced(card()), before=gone, now=NOW + 9)
    gone_again = seen(before=back, now=NOW + 20)

    assert (back.missing_since, gone_again.missing_since) == ({}, {"echo": NOW + 20})


@pytest.mark.parametrize(
    ("announcement", "ready", "status"),
    [
        pytest.param(announced(card()), True, "live", id="with batcher and codec"),
        pytest.param(announced(card()), False, "loading", id="without codec"),
        pytest.param(announced(card(), batchers=0), True, "gone", id="without batcher"),
    ],
)
def test_a_listed_model_has_a_status(announcement, ready, status):
    directory = seen(announcement, ready=codecs(announcement.card) if ready else {})

    assert directory.listed["echo"].status == status


def test_a_model_whose_card_was_pruned_is_listed_as_gone():
    directory = seen(before=seen(announced(card(), batchers=3)))

    assert (directory.listed["echo"].status, directory.listed["echo"].batchers) == ("gone", 0)


def test_a_model_is_listed_with_the_revision_that_is_served():
    dead, live = card(revision="r2"), card(revision="r1")

    directory = seen(announced(dead, since=2.0, batchers=0), announced(live, since=1.0))

    assert (directory.listed["echo"].card, directory.listed["echo"].status) == (live, "live")


def test_a_model_on_its_way_is_listed_before_one_that_is_gone():
    dead, loading = card(revision="r2"), card(revision="r1")

    directory = seen(announced(dead, since=2.0, batchers=0), announced(loading, since=1.0), ready={})

    assert directory.listed["echo"].status == "loading"


def test_a_name_is_never_forgotten():
    directory = seen(before=seen(known=frozenset({"echo"})))

    assert "echo" in directory.known


def test_an_absence_counts_from_its_first_look():
    gone = seen(before=seen(announced(card())), now=NOW + 10)

    still_gone = seen(before=gone, now=NOW + 20)

    assert still_gone.missing_since == {"echo": NOW + 10}


def test_the_first_look_stays_the_first():
    assert seen(before=seen(), now=NOW + 10).since == NOW


def test_a_task_is_served_by_the_first_name():
    directory = seen(announced(card("b")), announced(card("a")), announced(card("c")))

    assert directory.for_task("echoing", None, NOW).card.name == "a"


def test_a_named_model_that_is_gone_is_not_replaced_by_another_of_its_task():
    directory = seen(announced(card("a")), announced(card("b"), batchers=0))

    with pytest.raises(Problem) as caught:
        directory.for_task("echoing", "b", NOW)

    assert caught.value.code == "no_batcher"


def test_a_task_is_missing_since_its_last_model_left():
    both = seen(announced(card("a")), announced(card("b")))
    one = seen(announced(card("b")), before=both, now=NOW + 10)
    none = seen(before=one, now=NOW + 20)

    with pytest.raises(Problem) as caught:
        none.for_task("echoing", None, NOW + 40)

    assert caught.value.retry_after == 10.0


def test_a_task_never_seen_is_missing_since_the_first_look():
    with pytest.raises(Problem) as caught:
        seen().for_task("translation", None, NOW + 8)

    assert caught.value.retry_after == 4.0


def test_full_batches_say_how_many_jobs_a_second_a_model_does():
    speed = Speed(fixed=0.010, per_job=0.00140625)  # 64 jobs in 0.1 s

    directory = seen(announced(card(), batchers=2, speed=speed, room=64))

    assert directory.named("echo", NOW).pace.seconds_for(6_400) == pytest.approx(5.0)


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
