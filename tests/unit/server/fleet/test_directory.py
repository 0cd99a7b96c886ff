"""What a look at the broker means for those who call."""

from __future__ import annotations

import pytest

from broker.messages import Speed
from server.errors import Problem
from tests.unit.server.fleet.directories import NOW, codecs, seen
from tests.unit.server.stand_in import announced, card


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


def test_of_revisions_that_have_gone_the_last_ones_are_remembered(monkeypatch):
    monkeypatch.setattr("server.fleet.directory.MOST_GONE", 2)
    directory = seen(announced(stays := card(revision="stays")))
    for number in range(4):
        directory = seen(announced(stays), announced(card(revision=f"r{number}")), before=directory)
    directory = seen(announced(stays), before=directory)

    said = {name: told(directory, f"echo@{name}") for name in ("r1", "r2", "r3")}

    assert said == {"r1": "unknown_model", "r2": "no_batcher", "r3": "no_batcher"}
    assert len(directory.known_keys) == 3


def told(directory, name):
    with pytest.raises(Problem) as caught:
        directory.named(name, NOW)
    return caught.value.code


def test_an_absence_counts_from_its_first_look():
    gone = seen(before=seen(announced(card())), now=NOW + 10)

    still_gone = seen(before=gone, now=NOW + 20)

    assert still_gone.missing_since == {"echo": NOW + 10}


def test_the_first_look_stays_the_first():
    assert seen(before=seen(), now=NOW + 10).since == NOW


def test_without_any_card_no_name_is_unknown():
    with pytest.raises(Problem) as caught:
        seen().named("echo", NOW + 8)

    assert caught.value.code == "no_batcher"


def test_beside_a_card_a_name_that_was_never_seen_is_unknown():
    with pytest.raises(Problem) as caught:
        seen(announced(card())).named("other", NOW)

    assert caught.value.code == "unknown_model"


def test_full_batches_say_how_many_jobs_a_second_a_model_does():
    speed = Speed(fixed=0.010, per_job=0.00140625)  # 64 jobs in 0.1 s

    directory = seen(announced(card(), batchers=2, speed=speed, room=64))

    assert directory.named("echo", NOW).capacity.seconds_for(6_400) == pytest.approx(5.0)
