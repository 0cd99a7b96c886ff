"""A processor core that a few processes share, on a clock that nobody waits for."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Generator, Iterator
from functools import partial
from itertools import count
from random import Random

Act = Callable[[], None]
Waits = float | Callable[[], bool]  # so many seconds, or until that holds
Slices = Iterator[tuple[float, Act]]  # seconds of the core, and what comes of it


class SimulatedCore:
    """Processes take turns, a slice each; every one finishes what it has begun before it begins anything else."""

    def __init__(self, *, seed: int) -> None:
        self.now = 0.0
        self.random = Random(seed)  # of those who come; what takes how long has one of its own
        self._noises = Random(seed + 1)
        self._events: list[tuple[float, int, Act]] = []
        self._order = count()
        self._waiting: list[tuple[Callable[[], bool], Generator[Waits, None, None]]] = []
        self._turns: dict[str, deque[Callable[[], Slices]]] = {}
        self._begun: dict[str, Slices] = {}
        self._ran: dict[str, float] = {}
        self._is_busy = False

    def noise(self, part: float) -> float:
        """By what something takes longer than it does on average."""
        return 1.0 + part * (2 * self._noises.random() - 1)

    def at(self, when: float, act: Act) -> None:
        heapq.heappush(self._events, (when, next(self._order), act))

    def start(self, task: Generator[Waits, None, None]) -> None:
        """Run a task that yields what it waits for."""
        waits = next(task, None)
        if isinstance(waits, float):
            self.at(self.now + waits, lambda: self.start(task))
        elif waits is not None and waits():
            self.start(task)
        elif waits is not None:
            self._waiting.append((waits, task))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] < until:
            self.now, _, act = heapq.heappop(self._events)
            act()
            if ready := [one for one in self._waiting if one[0]()]:
                self._waiting = [one for one in self._waiting if one not in ready]
                for _, task in ready:
                    self.start(task)

    def do(self, process: str, turn: Callable[[], Slices]) -> None:
        """A turn of this process, behind those that it has to do already."""
        self._turns.setdefault(process, deque()).append(turn)
        self._ran.setdefault(process, 0.0)
        self._next_slice()

    def _next_slice(self) -> None:
        while not self._is_busy and (process := self._next_process()):
            slices = self._begun.pop(process, None) or self._turns[process].popleft()()
            if one := next(slices, None):
                self._begun[process], self._is_busy, self._ran[process] = slices, True, self.now
                self.at(self.now + self.noise(0.2) * one[0], partial(self._sliced, one[1]))

    def _next_process(self) -> str | None:
        """The one that has not run for longest."""
        able = [process for process in self._turns if process in self._begun or self._turns[process]]
        return min(able, key=self._ran.__getitem__, default=None)

    def _sliced(self, then: Act) -> None:
        self._is_busy = False
        then()
        self._next_slice()
