"""When the next request may go: a table of refusals and answers, with the time said."""

from __future__ import annotations

import pytest

from jitney.client.policy.flow import LONGEST_PAUSE, Flow


def flow(most: int = 8, patience: float = 100.0, jitter: float = 1.0) -> Flow:
    return Flow(most, patience, lambda: jitter)


def test_as_many_as_may_go_go_at_once() -> None:
    assert (flow().limit, flow().pause(0.0)) == (8, 0.0)


def test_all_wait_as_long_as_was_asked() -> None:
    it = flow()

    it.refused(10.0, 7.0)

    assert (it.pause(10.0), it.pause(16.0), it.pause(17.0)) == (7.0, 1.0, 0.0)


def test_a_refusal_halves_what_goes_and_those_refused_together_count_once() -> None:
    it = flow()

    for _ in range(8):
        it.refused(10.0, 1.0)

    assert it.limit == 4


def test_answers_make_room_again_but_never_beyond_the_most() -> None:
    it = flow()
    it.refused(0.0, 1.0)

    for _ in range(5):
        it.answered()
    assert it.limit == 5
    for _ in range(1000):
        it.answered()

    assert it.limit == 8


def test_one_request_always_goes() -> None:
    it = flow()

    for second in range(0, 100, 2):
        it.refused(float(second), 1.0)

    assert it.limit == 1


def test_without_a_word_how_long_pauses_double_up_to_a_longest() -> None:
    it = flow()
    pauses, now = [], 0.0

    for _ in range(7):
        it.refused(now, None)
        pauses.append(it.pause(now))
        now += pauses[-1]

    assert pauses == [0.5, 1.0, 2.0, 4.0, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 0.25), (1.0, 0.5)])
def test_pauses_are_spread(jitter: float, pause: float) -> None:
    it = flow(jitter=jitter)

    it.refused(0.0, None)

    assert it.pause(0.0) == pause


def test_patience_is_counted_from_the_first_refusal_after_an_answer() -> None:
    it = flow(patience=100.0)

    assert it.refused(0.0, 10.0)
    assert it.refused(60.0, 10.0)
    it.answered()
    assert it.refused(120.0, 60.0)
    assert it.refused(200.0, 20.0)
    assert not it.refused(215.0, 20.0)


def test_to_be_asked_to_wait_beyond_patience_is_its_end() -> None:
    assert not flow(patience=100.0).refused(0.0, 3600.0)
