"""When a call is tried again: only what may pass, as the server asks, and never beyond the deadline."""

from __future__ import annotations

import pytest

from jitney.client.errors import BadReply, CannotReach, JitneyError, TimedOut, refused
from jitney.client.policy.tries import LONGEST_PAUSE, Tries
from jitney.client.received import Received
from tests.conftest import FakeClock


def refusal(status: int, retry_after: str = "") -> JitneyError:
    headers = {"retry-after": retry_after} if retry_after else {}
    return refused(Received(status=status, headers=headers, body=b""))


def tries(clock: FakeClock, *, time: float = 60.0, repetitions: int = 3, jitter: float = 1.0) -> Tries:
    return Tries(clock() + time, repetitions, clock, jitter=lambda: jitter)


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_what_may_pass_is_tried_again(clock: FakeClock, status: int) -> None:
    assert tries(clock).pause_after(refusal(status)) > 0


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(refusal(400), id="what is malformed"),
        pytest.param(refusal(404), id="a model that is not there"),
        pytest.param(refusal(422), id="what cannot be computed"),
        pytest.param(refusal(500), id="a model that failed: it would again, at the same cost"),
        pytest.param(TimedOut("over"), id="time that is over"),
        pytest.param(BadReply("html"), id="somebody else's answer"),
    ],
)
def test_what_would_only_happen_again_is_told_at_once(clock: FakeClock, error: JitneyError) -> None:
    with pytest.raises(type(error)):
        tries(clock).pause_after(error)


def test_a_pause_is_what_the_server_asks_for(clock: FakeClock) -> None:
    assert tries(clock).pause_after(refusal(429, "7")) == 7.0


def test_a_pause_that_would_end_after_the_deadline_is_not_begun(clock: FakeClock) -> None:
    mine = tries(clock, time=7.0)

    with pytest.raises(JitneyError):
        mine.pause_after(refusal(429, "7"))


def test_the_deadline_is_one_for_all_tries(clock: FakeClock) -> None:
    mine = tries(clock, time=10.0)
    clock.tick(mine.pause_after(refusal(503, "4")))
    clock.tick(mine.pause_after(refusal(503, "4")))

    with pytest.raises(JitneyError):
        mine.pause_after(refusal(503, "4"))


def test_there_are_so_many_repetitions_and_no_more(clock: FakeClock) -> None:
    mine = tries(clock, repetitions=2, jitter=0.0)
    pauses = [mine.pause_after(CannotReach("away")) for _ in range(2)]

    with pytest.raises(CannotReach):
        mine.pause_after(CannotReach("away"))
    assert pauses == [0.0, 0.0]


def test_pauses_that_nobody_asks_for_double_up_to_a_bound(clock: FakeClock) -> None:
    mine = tries(clock, repetitions=7, time=1000.0)

    assert [mine.pause_after(CannotReach("away")) for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, LONGEST_PAUSE]


def test_they_are_spread_from_nothing_on(clock: FakeClock) -> None:
    assert tries(clock, jitter=0.1).pause_after(CannotReach("away")) == pytest.approx(0.05)
