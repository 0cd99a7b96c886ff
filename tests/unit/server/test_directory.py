"""What a look at the registry means for those who call."""

from __future__ import annotations

from collections import Counter

import pytest

from broker.messages import Fleet, Speed
from server.errors import Problem
from server.fleet.directory import Directory
from server.fleet.name_conflicts import differences
from tests.unit.server.stand_in import WordCodec, announced, card

NOW = 1_000.0


def codecs(*cards):
    return {one.key: WordCodec(one, {}) for one in cards}


def seen(*announcements, ready=None, before=None, now=NOW, known=frozenset(), defaults=None):
    """The directory after a look that showed these."""
    ready = codecs(*(one.card for one in announcements)) if ready is None else ready
    fleet = Fleet(epoch="e", announcements=announcements, known_names=known, defaults=defaults or {})
    return (before or Directory()).updated(fleet, ready, now)


def refusal(directory):
    """What a request for the task is told that names no model."""
    with pytest.raises(Problem) as caught:
        directory.for_task("echoing", None, NOW + 20)
    return caught.value


def dealt(directory, name="echo", requests=100):
    """How many of so many requests each revision gets."""
    return Counter(directory.named(name, NOW).card.revision for _ in range(requests))


def test_live_revisions_are_served_in_proportion_to_the_room_of_their_batchers():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0, room=64), announced(old, since=1.0, batchers=4, room=64))

    assert dealt(directory) == {"r1": pytest.approx(80, abs=2), "r2": pytest.approx(20, abs=2)}


def test_the_shares_follow_the_batchers_from_look_to_look():
    old, new = card(revision="r1"), card(revision="r2")
    before = seen(announced(new, since=2.0, room=8), announced(old, since=1.0, batchers=3, room=8))

    after = seen(announced(new, since=2.0, batchers=3, room=8), announced(old, since=1.0, room=8), before=before)

    assert (dealt(before)["r2"], dealt(after)["r2"]) == (pytest.approx(25, abs=2), pytest.approx(75, abs=2))


def test_the_default_of_a_task_is_shared_like_a_model_that_is_named():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0, room=8), announced(old, since=1.0, room=8))

    answered = Counter(directory.for_task("echoing", None, NOW).card.revision for _ in range(100))
    assert answered == {"r1": pytest.approx(50, abs=2), "r2": pytest.approx(50, abs=2)}


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


def test_a_task_is_served_by_the_model_that_was_announced_first():
    directory = seen(announced(card("a"), since=3.0), announced(card("c"), since=2.0), announced(card("b"), since=4.0))

    assert directory.for_task("echoing", None, NOW).card.name == "c"


def test_a_model_that_was_there_first_and_has_no_batcher_any_more_is_no_default():
    directory = seen(announced(card("a"), batchers=0), announced(card("b"), since=2.0))

    assert directory.for_task("echoing", None, NOW).card.name == "b"


def test_a_default_whose_codec_is_on_its_way_is_not_replaced_by_another_model():
    first, second = card("a"), card("b")

    directory = seen(announced(first), announced(second, since=2.0), ready=codecs(second))

    assert refusal(directory).code == "no_batcher"


@pytest.mark.parametrize("still_has_its_card", [True, False])
def test_a_default_that_has_gone_is_not_replaced_by_another_model_of_its_task(still_has_its_card):
    both = seen(announced(card("a")), announced(card("b"), since=2.0))
    left = [announced(card("a"), batchers=0)] if still_has_its_card else []

    refused = refusal(seen(announced(card("b"), since=2.0), *left, before=both, now=NOW + 10))

    assert refused.code == "no_batcher"
    assert "'a'" in refused.detail and "Live models: b." in refused.detail and "jitney default" in refused.detail


def test_a_default_that_came_back_is_the_default_again():
    gone = seen(announced(card("b"), since=2.0), before=seen(announced(card("a"))))

    back = seen(announced(card("a"), since=3.0), announced(card("b"), since=2.0), before=gone)

    assert back.for_task("echoing", None, NOW).card.name == "a"


def test_what_the_broker_keeps_wins_over_what_a_front_end_remembers():
    before = seen(announced(card("a")), announced(card("b"), since=2.0))

    directory = seen(announced(card("a")), announced(card("b"), since=2.0), before=before, defaults={"echoing": "b"})

    assert directory.for_task("echoing", None, NOW).card.name == "b"


def test_a_front_end_that_starts_when_the_default_is_away_answers_with_no_other():
    directory = seen(announced(card("b")), defaults={"echoing": "a"})

    assert refusal(directory).code == "no_batcher"


def test_a_setting_names_the_default_whatever_was_there_first():
    before = Directory(fixed={"echoing": "b"})

    directory = seen(announced(card("a")), announced(card("b"), since=2.0), before=before, defaults={"echoing": "a"})

    assert directory.for_task("echoing", None, NOW).card.name == "b"


@pytest.mark.parametrize("named", ["never-seen", "of-another-task"])
def test_a_setting_that_names_no_model_of_the_task_lets_no_other_answer(named):
    models = [announced(card("a")), announced(card("of-another-task", task="singing"))]

    directory = seen(*models, before=Directory(fixed={"echoing": named}))

    assert refusal(directory).code == "no_batcher"


def test_each_task_has_a_default_of_its_own():
    directory = seen(announced(card("a")), announced(card("b", task="singing")))

    assert directory.for_task("singing", None, NOW).card.name == "b"


def test_without_any_card_no_name_is_unknown():
    with pytest.raises(Problem) as caught:
        seen().named("echo", NOW + 8)

    assert caught.value.code == "no_batcher"


def test_beside_a_card_a_name_that_was_never_seen_is_unknown():
    with pytest.raises(Problem) as caught:
        seen(announced(card())).named("other", NOW)

    assert caught.value.code == "unknown_model"


def test_the_default_that_the_broker_keeps_is_a_known_name_without_any_card():
    directory = seen(announced(card("b", task="singing")), defaults={"echoing": "a"})

    with pytest.raises(Problem) as caught:
        directory.named("a", NOW)

    assert caught.value.code == "no_batcher"


def test_a_named_model_that_is_gone_is_not_replaced_by_another_of_its_task():
    directory = seen(announced(card("a")), announced(card("b"), batchers=0))

    with pytest.raises(Problem) as caught:
        directory.for_task("echoing", "b", NOW)

    assert caught.value.code == "no_batcher"


def test_a_task_is_missing_since_its_default_left():
    both = seen(announced(card("a")), announced(card("b"), since=2.0))
    one = seen(announced(card("a")), before=both, now=NOW + 10)
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

    assert directory.named("echo", NOW).capacity.seconds_for(6_400) == pytest.approx(5.0)


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
