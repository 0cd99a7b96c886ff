"""Who sends to a simulated spine: callers that wait for their answers, strangers, bursts."""

from __future__ import annotations

from functools import partial

from tests.unit.batcher.gathering.spine_world import Spine


def callers(
    spine: Spine, count: int, *, think: float = 0.0, is_random: bool = False, stay: int = 0, leave: float = 1e9
) -> None:
    """Each sends again when it has thought about its answer; from `leave` on, only so many `stay`."""
    random = spine.core.random

    def send(number: int) -> None:
        spine.send(lambda: come_back(number))

    def come_back(number: int) -> None:
        if spine.now < leave or number < stay:
            seconds = random.expovariate(1 / think) if is_random and think else think
            spine.core.at(spine.now + seconds + random.expovariate(1e4), lambda: send(number))

    for number in range(count):
        spine.core.at(0.002 * random.random(), partial(send, number))


def strangers(spine: Spine, rate: float) -> None:
    """So many a second, by chance."""

    def come() -> None:
        spine.send()
        spine.core.at(spine.now + spine.core.random.expovariate(rate), come)

    spine.core.at(0.0, come)


def bursts(spine: Spine, size: int, *, every: float, spread: float = 0.0, is_random: bool = False) -> None:
    """So many within a moment; the next ones after a while."""
    random = spine.core.random

    def come() -> None:
        for _ in range(size):
            spine.core.at(spine.now + spread * random.random(), spine.send)
        spine.core.at(spine.now + (random.expovariate(1 / every) if is_random else every), come)

    spine.core.at(0.0, come)
