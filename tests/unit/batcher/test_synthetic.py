"""The synthetic model: takes its time, answers reversed, and misbehaves when told to."""

from __future__ import annotations

import pytest

from batcher.models import synthetic as module
from batcher.models.contract import InvalidInput, OutOfMemory
from batcher.models.synthetic import PassTime, Synthetic


class Naps:
    """Instead of sleeping."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def model(*, faults: bool = False, pass_time: str = "10ms+0.5ms") -> tuple[Synthetic, Naps]:
    naps = Naps()
    return Synthetic(PassTime.read(pass_time), faults=faults, sleep=naps), naps


@pytest.mark.parametrize(
    ("text", "pass_time"),
    [
        ("10ms+0.5ms", PassTime(fixed=0.010, per_job=0.0005)),
        ("10ms", PassTime(fixed=0.010, per_job=0.0)),
        ("1.5s+200us", PassTime(fixed=1.5, per_job=0.0002)),
        ("0+1ms", PassTime(fixed=0.0, per_job=0.001)),
    ],
)
def test_a_pass_time_is_read_with_its_units(text: str, pass_time: PassTime) -> None:
    read = PassTime.read(text)

    assert (read.fixed, read.per_job) == pytest.approx((pass_time.fixed, pass_time.per_job))


@pytest.mark.parametrize("text", ["", "10", "fast", "10ms+", "1ms+1ms+1ms", "-5ms"])
def test_what_is_no_pass_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (time|duration) such as"):
        PassTime.read(text)


def test_texts_come_back_reversed_in_order() -> None:
    synthetic, _ = model()

    assert synthetic.forward(["abc", "", "日本"]) == ["cba", "", "本日"]


def test_a_pass_takes_its_fixed_time_and_some_for_each_job() -> None:
    synthetic, naps = model(pass_time="10ms+0.5ms")

    synthetic.forward(["a"] * 8)

    assert naps.taken == [pytest.approx(0.014)]


def test_every_text_costs_the_same_so_a_batch_is_one_pass() -> None:
    synthetic, _ = model()

    assert synthetic.cost("a") == synthetic.cost("a much longer text")


def test_what_is_not_text_is_refused() -> None:
    synthetic, _ = model()

    with pytest.raises(InvalidInput, match="takes text"):
        synthetic.forward(["a", 7])  # type: ignore[list-item]


@pytest.mark.parametrize("text", ["!raise", "!exit", "!hang", "!oom", "!short"])
def test_without_faults_every_text_is_only_text(text: str) -> None:
    synthetic, _ = model(faults=False)

    assert synthetic.forward([text] * 9) == [text[::-1]] * 9


def test_raise_raises() -> None:
    synthetic, _ = model(faults=True)

    with pytest.raises(RuntimeError):
        synthetic.forward(["a", "!raise"])


def test_oom_does_not_fit_among_more_than_four() -> None:
    synthetic, _ = model(faults=True)

    with pytest.raises(OutOfMemory):
        synthetic.forward(["a", "b", "c", "d", "!oom"])


def test_oom_is_answered_in_a_small_group() -> None:
    synthetic, _ = model(faults=True)

    assert synthetic.forward(["a", "b", "c", "!oom"]) == ["a", "b", "c", "moo!"]


def test_short_answers_one_too_few() -> None:
    synthetic, _ = model(faults=True)

    assert len(synthetic.forward(["a", "!short", "b"])) == 2


def test_exit_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    exits: list[int] = []
    monkeypatch.setattr(module.os, "_exit", exits.append)
    faulty, _ = model(faults=True)

    faulty.forward(["!exit"])

    assert exits == [1]


def test_hang_waits_for_what_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waited(Exception):
        pass

    class Event:
        def wait(self, timeout: float | None = None) -> None:
            raise Waited if timeout is None else AssertionError("it would end")

    monkeypatch.setattr(module.threading, "Event", Event)
    faulty, _ = model(faults=True)

    with pytest.raises(Waited):
        faulty.forward(["!hang"])
