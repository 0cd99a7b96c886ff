"""Which model answers for a task when a request names none."""

from __future__ import annotations

from collections import Counter

import pytest

from server.errors import Problem
from server.fleet.directory import Directory
from tests.unit.server.fleet.directories import NOW, codecs, refusal, seen
from tests.unit.server.stand_in import announced, card


def test_the_default_of_a_task_is_shared_like_a_model_that_is_named():
    old, new = card(revision="r1"), card(revision="r2")

    directory = seen(announced(new, since=2.0, room=8), announced(old, since=1.0, room=8))

    answered = Counter(directory.for_task("echoing", None, NOW).card.revision for _ in range(100))
    assert answered == {"r1": pytest.approx(50, abs=2), "r2": pytest.approx(50, abs=2)}


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
