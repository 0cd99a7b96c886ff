"""What a stack spends on some work: processor time by process, the broker's commands, batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.lib import machine
from benchmarks.lib.stack import Child, Stack

Returned = TypeVar("Returned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Counters at one moment, or between two: `spent - earlier`."""

    seconds: float
    cpu: Mapping[str, float]  # processor seconds by process
    busy: float  # processor seconds of everybody on this machine
    commands: int  # that the broker ran, those inside scripts included
    trips: int  # times that the broker read from a connection: a pipeline that arrives in one piece is one
    batches: Mapping[str, int]  # by batcher

    def __sub__(self, earlier: Spent) -> Spent:
        return Spent(
            seconds=self.seconds - earlier.seconds,
            cpu={title: used - earlier.cpu.get(title, 0.0) for title, used in self.cpu.items()},
            busy=self.busy - earlier.busy,
            commands=self.commands - earlier.commands,
            trips=self.trips - earlier.trips,
            batches={title: count - earlier.batches.get(title, 0) for title, count in self.batches.items()},
        )

    def of(self, kind: str) -> float:
        """Processor seconds of all processes whose title begins so."""
        return sum(seconds for title, seconds in self.cpu.items() if title.startswith(kind))

    @property
    def fullest(self) -> tuple[str, float]:
        """The process that used most of a core, and how much of it. Of a difference."""
        title, seconds = max(self.cpu.items(), key=lambda used: used[1], default=("", 0.0))
        return title, seconds / self.seconds

    @property
    def others(self) -> float:
        """Cores that processes other than ours kept busy. Of a difference."""
        return max(0.0, self.busy - sum(self.cpu.values())) / self.seconds


def spent_on(act: Callable[[], Returned], stack: Stack, batchers: Sequence[Child] = ()) -> tuple[Returned, Spent]:
    """What `act` returned, and what the stack spent on it; `batchers` are those whose batches count."""
    before = _counters(stack, batchers)
    returned = act()
    return returned, _counters(stack, batchers) - before


def _counters(stack: Stack, batchers: Sequence[Child]) -> Spent:
    return Spent(
        batches={batcher.title: stack.batches(batcher) for batcher in batchers},
        commands=sum(stack.calls().values()),
        trips=stack.reads(),
        cpu={**machine.cpu_seconds(stack.pids()), "wrk": machine.ended_children_seconds()},
        busy=machine.busy_seconds(),
        seconds=time.perf_counter(),
    )
