"""A beat proves progress: it keeps leases for as long as the engine moves, and no longer."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from time import monotonic, sleep

import pytest
from structlog.testing import capture_logs

from batcher.serving.heartbeat import Heartbeat, Vitals, beat_interval
from broker.contract import PRESENCE_TTL
from broker.errors import BrokerUnavailable
from broker.messages import Job, ModelCard, Presence, Pulse

ME = Presence(batcher="b", model="toy@1")


class CountingHeart:
    """Notes what it was told; away for the first `failures` beats; rings after `until` beats."""

    def __init__(self, *, failures: int = 0, until: int = 1, error: Exception | None = None) -> None:
        self._error = error or BrokerUnavailable()
        self.beats: list[dict[str, Sequence[str]]] = []
        self.rung = threading.Event()
        self._failures, self._until = failures, until

    def announce(self, card: ModelCard, artifacts: Mapping[str, bytes]) -> None: ...

    def leave(self, batcher: str) -> None: ...

    def beat(self, presence: Presence, jobs: Mapping[str, Sequence[str]]) -> Pulse:
        if self._failures:
            self._failures -= 1
            raise self._error
        self.beats.append(dict(jobs))
        if len(self.beats) >= self._until:
            self.rung.set()
        return Pulse(cancelled=frozenset({"gone"}))


class SlowHeart(CountingHeart):
    def beat(self, presence: Presence, jobs: Mapping[str, Sequence[str]]) -> Pulse:
        sleep(0.05)
        return super().beat(presence, jobs)


def jobs(*ids: str) -> list[Job]:
    return [Job(id=id, front_end="f", input="x") for id in ids]


def beating(heart: CountingHeart, vitals: Vitals, pulses: list[Pulse]) -> Heartbeat:
    return Heartbeat(heart, vitals, presence=lambda: ME, on_pulse=pulses.append, lease=0.004, max_step=60.0)


# Whoever sees it ready takes another one away: front ends must know of this one by then.
def test_the_first_beat_comes_before_anything_else_and_names_the_leases_held() -> None:
    vitals, heart, pulses = Vitals(jobs={"b:1": jobs("j1", "j2")}, progressed_at=monotonic()), SlowHeart(), []

    with beating(heart, vitals, pulses):
        assert heart.rung.is_set()

    assert heart.beats[0] == {"b:1": ("j1", "j2")}
    assert pulses[0].cancelled == {"gone"}


def test_a_broker_that_is_away_does_not_end_the_heartbeat() -> None:
    heart = CountingHeart(failures=3, until=2)

    with beating(heart, Vitals(), []):
        assert heart.rung.wait(5)

    assert len(heart.beats) >= 2


def test_held_jobs_without_progress_are_a_stall() -> None:
    vitals = Vitals(jobs={"b:1": jobs("j")}, progressed_at=100.0)

    assert not vitals.is_stalled(109.0, max_step=10.0)
    assert vitals.is_stalled(111.0, max_step=10.0)


def test_an_idle_batcher_never_stalls() -> None:
    vitals = Vitals(progressed_at=0.0)

    assert not vitals.is_stalled(1e9, max_step=10.0)


def test_an_error_that_nobody_expected_does_not_end_the_heartbeat() -> None:
    heart = CountingHeart(failures=1, until=1, error=ZeroDivisionError())

    with beating(heart, Vitals(), []):
        assert heart.rung.wait(5)

    assert len(heart.beats) >= 1


def test_beats_that_fail_are_told_once_and_so_is_the_first_that_does_not() -> None:
    heart = CountingHeart(failures=5, until=2)

    with capture_logs() as lines, beating(heart, Vitals(), []):
        assert heart.rung.wait(5)

    assert [line["event"] for line in lines] == ["beat failed", "beats again"]


@pytest.mark.parametrize("lease", [0.1, 2.5, 20.0, 60.0])
def test_several_beats_may_be_lost_before_a_lease_ends_or_front_ends_take_it_for_dead(lease: float) -> None:
    # With a lease of 30 s front ends lost sight of a live batcher between two beats.
    assert beat_interval(lease) * 4 <= min(lease, PRESENCE_TTL)
