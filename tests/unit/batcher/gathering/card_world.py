"""A batcher and its card, which does what `serving/loop.py` and `serving/claims.py` do, trip by trip."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, TypeVar

from batcher.policy.gathering.decision import Gathering
from batcher.policy.speed import SpeedFit
from batcher.policy.window import Window, time_to_stage
from batcher.serving.claims import LOOKS
from broker.messages import Depth
from tests.unit.batcher.gathering.simulated_core import Waits

if TYPE_CHECKING:
    from tests.unit.batcher.gathering.spine_world import Sent, Spine

TRIP = 0.001  # seconds, as a batcher would measure it
T = TypeVar("T")
Task = Generator[Waits, None, T]


class SimulatedCard:
    """`gathering`: None for a policy that never waits for callers to come back."""

    def __init__(self, spine: Spine, process: str, gathering: Gathering | None) -> None:
        self._spine, self._process, self._gathering = spine, process, gathering
        self._core, self._limits, self._queue = spine.core, spine.limits, spine.queue
        self._speed = SpeedFit()
        self._running: list[Sent] = []
        self._staged: list[Sent] = []
        self._started = 0.0
        self._leases = 0  # whose end nobody was told yet
        self._may_stage = self._has_backlog = False

    @property
    def now(self) -> float:
        return self._core.now

    # It claims

    def claim_for_ever(self) -> Task[None]:
        while True:
            batch = (yield from self._when_woken()) if not self._leases else (yield from self._behind())
            if batch:
                self._leases += 1
                self._start(batch)
            elif self._leases:
                yield lambda: not self._leases
            yield lambda: not self._staged and self._leases < 2

    def _when_woken(self) -> Task[list[Sent]]:
        asked = self.now
        yield lambda: bool(self._queue)
        if self._limits.policy == "fixed":
            yield from self._hold_open()
            asked = self.now
        elif self._gathering and self._gathering.may_wait():
            yield from self._gather(self._gathering)
            asked = self.now
        return (yield from self._claim(asked))

    def _hold_open(self) -> Task[None]:
        depth = yield from self._look()
        window = Window(limits=self._limits, opened_at=self.now - depth.oldest_age)
        while depth.jobs and window.is_open(self.now, depth):
            left = window.time_left(self.now)
            yield _grain(min(left, max(0.001, min(left / 4, 0.005))))
            depth = yield from self._look()

    def _gather(self, gathering: Gathering) -> Task[None]:
        depth = yield from self._look()
        most = self._limits.max_batch_size
        while (wait := gathering.wait(depth.jobs, self.now, most, oldest=depth.oldest_age)) > TRIP / 2:
            yield _grain(wait / LOOKS)
            depth = yield from self._look()

    def _behind(self) -> Task[list[Sent]]:
        running = self._running
        if not running or not (self._may_stage or (self._gathering and self._gathering.may_stage())):
            return []
        ends = self._started + self._speed.predict_next(len(running))
        early = not self._gathering or self._gathering.gathers or self._has_backlog
        yield time_to_stage(ends, TRIP, self.now, early=early)
        if self._running is not running or not (yield from self._is_to_start(ends)):
            return []
        return (yield from self._claim(self.now))

    def _is_to_start(self, ends: float) -> Task[bool]:
        """What waits, as soon as the card is free."""
        most, running = self._limits.max_batch_size, len(self._running)
        if self._limits.policy == "fixed":
            depth = yield from self._look()
            window = Window(limits=self._limits, opened_at=self.now - depth.oldest_age)
            return bool(depth.jobs) and not window.is_open(ends, depth)
        if self._gathering and self._gathering.may_wait_behind(running, most):
            depth = yield from self._look()
            return not self._gathering.waits_behind(running, depth.jobs, most)
        return True

    def _claim(self, asked: float) -> Task[list[Sent]]:
        batch: list[Sent] = []
        most = self._limits.max_batch_size
        most = self._gathering.most(most, staged=bool(self._leases)) if self._gathering else most
        yield from self._spine.trip(self._process, "claim", min(len(self._queue), most))
        while self._queue and len(batch) < most:
            batch.append(self._queue.popleft())
        waited = bool(batch) and batch[0].admitted < asked
        self._has_backlog = bool(self._queue)
        self._may_stage = waited or self._has_backlog
        if self._gathering:
            came = [one.admitted for one in batch]
            self._gathering.claimed(came, left=len(self._queue), now=self.now, waited=waited, staged=bool(self._leases))
        return batch

    def _look(self) -> Task[Depth]:
        self._spine.looks += 1
        yield from self._spine.trip(self._process, "look", 0)
        age = self.now - self._queue[0].admitted if self._queue else 0.0
        return Depth(jobs=len(self._queue), oldest_age=age)

    # It computes, and tells

    def _start(self, batch: list[Sent]) -> None:
        if self._running:
            self._staged = batch
            return
        self._running, self._started = batch, self.now
        self._spine.sizes.append(len(batch))
        lasts = self._spine.fixed + self._spine.per_job * len(batch)
        self._core.at(self.now + self._core.noise(0.02) * lasts, self._end)

    def _end(self) -> None:
        batch, self._running = self._running, []
        self._speed.observe(len(batch), self.now - self._started)
        if self._staged:
            staged, self._staged = self._staged, []
            self._start(staged)
        self._core.start(self._finish(batch, self.now))

    def _finish(self, batch: list[Sent], ended: float) -> Task[None]:
        yield from self._spine.trip(self._process, "finish", len(batch))
        self._leases -= 1
        if self._gathering:
            stay = sum(self.now - one.admitted for one in batch)
            self._gathering.answered(len(batch), ended=ended, now=self.now, stay=stay, speed=self._speed.lately)
        self._spine.answer(batch)


def _grain(seconds: float) -> float:
    """Event loops keep time in whole milliseconds, and round up."""
    return max(1, round(seconds * 1000 + 0.5)) / 1000
