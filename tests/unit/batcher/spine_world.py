"""Clients, a front end, a broker and a batcher on one core, and a card: what a window does to jobs and their callers.

The batcher does what `serving/loop.py` and `serving/claims.py` do, trip by trip; clients send from elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeVar

from batcher.policy.gathering.decision import Gathering
from batcher.policy.speed import SpeedFit
from batcher.policy.window import Window, time_to_stage
from broker.messages import Depth, Limits
from tests.unit.batcher.simulated_core import Act, SimulatedCore, Slices, Waits

AT_ONCE = 4  # answers that are written before others may have the core
TRIP = 0.001  # seconds, as a batcher would measure it
T = TypeVar("T")
Task = Generator[Waits, None, T]


@dataclass(frozen=True, kw_only=True)
class Work:
    """Seconds of the core that a turn takes, and each job of it."""

    factor: float = 1.0  # 1: as counted on two slow cores, of which everything has one
    admit: tuple[float, float] = (0.0006, 0.00011)
    claim: tuple[float, float] = (0.0008, 0.00003)
    finish: tuple[float, float] = (0.0009, 0.00005)
    reply: tuple[float, float] = (0.0006, 0.00013)
    look: tuple[float, float] = (0.0004, 0.0)

    def of(self, what: str, jobs: int) -> float:
        turn, each = getattr(self, what)
        return float(self.factor * (turn + each * jobs))


class Sent(NamedTuple):
    """A request of one job; `answered` is what its answer brings about."""

    at: float
    answered: Act
    admitted: float = 0.0


@dataclass
class Spine:
    """Send to it while it runs. `gathering`: None for a policy that never waits for callers to come back."""

    fixed: float  # seconds that a batch takes
    per_job: float  # and each job of it
    work: Work
    limits: Limits
    gathering: Gathering | None = None
    seed: int = 0
    took: list[tuple[float, float]] = field(default_factory=list)  # when each was sent, and until it was answered
    sizes: list[int] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        self.core = SimulatedCore(seed=self.seed)
        self._speed = SpeedFit()
        self._inbox: list[Sent] = []
        self._outbox: list[Sent] = []
        self._queue: deque[Sent] = deque()
        self._running: list[Sent] = []
        self._staged: list[Sent] = []
        self._started = 0.0
        self._leases = 0  # whose end nobody was told yet
        self._may_stage = self._has_backlog = False

    @property
    def now(self) -> float:
        return self.core.now

    def run(self, until: float) -> None:
        self.core.start(self._claim_for_ever())
        self.core.run(until)

    # The front end

    def send(self, answered: Act = lambda: None) -> None:
        self._inbox.append(Sent(self.now, answered))
        if len(self._inbox) == 1:
            self.core.do("front end", self._admit)

    def _admit(self) -> Slices:
        taken, self._inbox = self._inbox, []
        yield self.work.of("admit", len(taken)), partial(self._queue_all, taken)

    def _queue_all(self, taken: list[Sent]) -> None:
        self._queue.extend(one._replace(admitted=self.now) for one in taken)

    def _reply(self) -> Slices:
        """One after the other: the first one is back while the last one is still written."""
        taken, self._outbox = self._outbox, []
        yield self.work.of("reply", 0), lambda: None
        for at in range(0, len(taken), AT_ONCE):
            some = taken[at : at + AT_ONCE]
            yield self.work.of("reply", len(some)) - self.work.of("reply", 0), partial(self._tell, some)

    def _tell(self, some: list[Sent]) -> None:
        for one in some:
            self.took.append((one.at, self.now - one.at))
            one.answered()

    # The batcher claims

    def _claim_for_ever(self) -> Task[None]:
        while True:
            batch = (yield from self._when_woken()) if not self._leases else (yield from self._behind())
            if batch:
                self._leases += 1
                self._start(batch)
            else:
                yield lambda: not self._leases
            yield lambda: not self._staged and self._leases < 2

    def _when_woken(self) -> Task[list[Sent]]:
        asked = self.now
        yield lambda: bool(self._queue)
        if self.limits.policy == "fixed":
            yield from self._hold_open()
            asked = self.now
        elif self.gathering and self.gathering.may_wait():
            yield from self._gather(self.gathering)
            asked = self.now
        return (yield from self._claim(asked))

    def _hold_open(self) -> Task[None]:
        depth = yield from self._look()
        window = Window(limits=self.limits, opened_at=self.now - depth.oldest_age)
        while depth.jobs and window.is_open(self.now, depth):
            left = window.time_left(self.now)
            yield _grain(min(left, max(0.001, min(left / 4, 0.005))))
            depth = yield from self._look()

    def _gather(self, gathering: Gathering) -> Task[None]:
        depth = yield from self._look()
        while wait := gathering.wait(depth.jobs, self.now, self.limits.max_batch_size):
            yield _grain(wait / 3)
            depth = yield from self._look()

    def _behind(self) -> Task[list[Sent]]:
        running = self._running
        if not running or not (self._may_stage or (self.gathering and self.gathering.may_stage())):
            return []
        ends = self._started + self._speed.predict(len(running))
        early = not self.gathering or self.gathering.gathers or self._has_backlog
        yield time_to_stage(ends, TRIP, self.now, early=early)
        if self._running is not running or not (yield from self._is_to_start(ends)):
            return []
        return (yield from self._claim(self.now))

    def _is_to_start(self, ends: float) -> Task[bool]:
        """What waits, as soon as the card is free."""
        most, running = self.limits.max_batch_size, len(self._running)
        if self.limits.policy == "fixed":
            depth = yield from self._look()
            window = Window(limits=self.limits, opened_at=self.now - depth.oldest_age)
            return bool(depth.jobs) and not window.is_open(ends, depth)
        if self.gathering and self.gathering.may_wait_behind(running, most):
            depth = yield from self._look()
            return not self.gathering.waits_behind(running, depth.jobs, most)
        return True

    def _claim(self, asked: float) -> Task[list[Sent]]:
        batch: list[Sent] = []
        most = self.limits.max_batch_size
        most = self.gathering.most(most) if self.gathering else most
        yield from self._trip("claim", min(len(self._queue), most))
        while self._queue and len(batch) < most:
            batch.append(self._queue.popleft())
        waited = bool(batch) and batch[0].admitted < asked
        self._has_backlog = bool(self._queue)
        self._may_stage = waited or self._has_backlog
        if self.gathering:
            came = [one.admitted for one in batch]
            self.gathering.claimed(came, left=len(self._queue), now=self.now, waited=waited)
        return batch

    def _look(self) -> Task[Depth]:
        self.looks += 1
        yield from self._trip("look", 0)
        age = self.now - self._queue[0].admitted if self._queue else 0.0
        return Depth(jobs=len(self._queue), oldest_age=age)

    def _trip(self, what: str, jobs: int) -> Task[None]:
        done: list[bool] = []

        def turn() -> Slices:
            yield self.work.of(what, jobs), lambda: done.append(True)

        self.core.do("batcher", turn)
        yield lambda: bool(done)

    # The card computes, and the batcher tells

    def _start(self, batch: list[Sent]) -> None:
        if self._running:
            self._staged = batch
            return
        self._running, self._started = batch, self.now
        self.sizes.append(len(batch))
        self.core.at(self.now + self.core.noise(0.02) * (self.fixed + self.per_job * len(batch)), self._end)

    def _end(self) -> None:
        batch, self._running = self._running, []
        self._speed.observe(len(batch), self.now - self._started)
        if self._staged:
            staged, self._staged = self._staged, []
            self._start(staged)
        self.core.start(self._finish(batch, self.now))

    def _finish(self, batch: list[Sent], ended: float) -> Task[None]:
        yield from self._trip("finish", len(batch))
        self._leases -= 1
        if self.gathering:
            stay = sum(self.now - one.admitted for one in batch)
            self.gathering.answered(len(batch), ended=ended, now=self.now, stay=stay, speed=self._speed.speed)
        self._outbox += batch
        if len(self._outbox) == len(batch):
            self.core.do("front end", self._reply)


def _grain(seconds: float) -> float:
    """Event loops keep time in whole milliseconds, and round up."""
    return max(1, round(seconds * 1000 + 0.5)) / 1000


# Who sends


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
