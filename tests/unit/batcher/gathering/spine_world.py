"""Clients, a front end, a broker and its batchers on one core: what a window does to jobs and their callers.

Clients send from elsewhere. Each batcher has a card (`card_world.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeVar

from batcher.policy.gathering.decision import Gathering
from broker.messages import Limits
from tests.unit.batcher.gathering.card_world import SimulatedCard
from tests.unit.batcher.gathering.simulated_core import Act, SimulatedCore, Slices, Waits

AT_ONCE = 4  # answers that are written before others may have the core
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
    """Send to it while it runs. `gathers`: whether its batchers wait for callers to come back."""

    fixed: float  # seconds that a batch takes
    per_job: float  # and each job of it
    work: Work
    limits: Limits
    gathers: bool = False
    cards: int = 1  # one a batcher
    seed: int = 0
    took: list[tuple[float, float]] = field(default_factory=list)  # when each was sent, and until it was answered
    sizes: list[int] = field(default_factory=list)  # of batches
    looks: int = 0  # at the queue

    def __post_init__(self) -> None:
        self.core = SimulatedCore(seed=self.seed)
        self.queue: deque[Sent] = deque()
        self._inbox: list[Sent] = []
        self._outbox: list[Sent] = []

    @property
    def now(self) -> float:
        return self.core.now

    def run(self, until: float) -> None:
        for number in range(self.cards):
            card = SimulatedCard(self, f"batcher {number}", Gathering() if self.gathers else None)
            self.core.start(card.claim_for_ever())
        self.core.run(until)

    def trip(self, process: str, what: str, jobs: int) -> Task[None]:
        """Of a process to the broker and back."""
        done: list[bool] = []

        def turn() -> Slices:
            yield self.work.of(what, jobs), lambda: done.append(True)

        self.core.do(process, turn)
        yield lambda: bool(done)

    # The front end

    def send(self, answered: Act = lambda: None) -> None:
        self._inbox.append(Sent(self.now, answered))
        if len(self._inbox) == 1:
            self.core.do("front end", self._admit)

    def answer(self, batch: list[Sent]) -> None:
        """These jobs have ended."""
        self._outbox += batch
        if len(self._outbox) == len(batch):
            self.core.do("front end", self._reply)

    def _admit(self) -> Slices:
        taken, self._inbox = self._inbox, []
        yield self.work.of("admit", len(taken)), partial(self._queue_all, taken)

    def _queue_all(self, taken: list[Sent]) -> None:
        self.queue.extend(one._replace(admitted=self.now) for one in taken)

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
