"""What happens over and over is told at once, then seldom, then that it is over."""

from __future__ import annotations

from broker.common.throttled_log import EVERY, ThrottledLog


class Ear:
    def __init__(self) -> None:
        self.now = 0.0
        self.heard: list[tuple[str, int]] = []
        tell = lambda event, times, **fields: self.heard.append((event, times))  # noqa: E731
        self.tell = ThrottledLog(tell, clock=lambda: self.now)


def test_the_first_time_is_told_at_once() -> None:
    ear = Ear()

    ear.tell("broker away", error="gone")

    assert ear.heard == [("broker away", 1)]


def test_the_next_line_comes_late_and_says_how_often_it_happened() -> None:
    ear = Ear()
    for second in range(int(EVERY) + 1):
        ear.now = float(second)
        ear.tell("broker away")

    assert ear.heard == [("broker away", 1), ("broker away", int(EVERY))]


def test_that_it_is_over_is_news_once() -> None:
    ear = Ear()
    ear.tell("broker away")

    assert [ear.tell.is_over(), ear.tell.is_over()] == [True, False]


def test_what_never_happened_is_never_over() -> None:
    assert not Ear().tell.is_over()


def test_the_next_trouble_is_told_at_once_again() -> None:
    ear = Ear()
    ear.tell("broker away")
    ear.tell.is_over()

    ear.tell("broker away")

    assert ear.heard == [("broker away", 1)] * 2
