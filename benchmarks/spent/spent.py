"""What a stack spent on some work: processor time by process, the broker's commands, batches. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Counters at one moment; `spent - earlier` says what happened in between."""

    seconds: float
    cpu: Mapping[str, float]  # processor seconds by process, all of ours
    busy: float  # processor seconds of everybody
    calls: Mapping[str, int]  # the broker's, by command, in lower case; those that scripts make are among them
    trips: int  # times that the broker read from a connection: a pipeline that arrives in one piece is one
    admissions: int = 0  # EVALSHAs that were ADMIT
    batches: int = 0

    def __sub__(self, earlier: Spent) -> Spent:
        gained = {name: count - earlier.calls.get(name, 0) for name, count in self.calls.items()}
        return Spent(
            seconds=self.seconds - earlier.seconds,
            cpu={title: used - earlier.cpu.get(title, 0.0) for title, used in self.cpu.items()},
            busy=self.busy - earlier.busy,
            calls={name: count for name, count in sorted(gained.items()) if count},
            trips=self.trips - earlier.trips,
            admissions=self.admissions - earlier.admissions,
            batches=self.batches - earlier.batches,
        )

    @property
    def commands(self) -> int:
        """All that the broker ran."""
        return sum(self.calls.values())

    def of(self, kind: str) -> float:
        """Processor seconds of all processes whose title begins so."""
        return sum(seconds for title, seconds in self.cpu.items() if title.startswith(kind))

    def micros(self, kind: str, count: float) -> float:
        """Processor time of these processes for each of so many, µs."""
        return 1e6 * self.of(kind) / count

    @property
    def fullest(self) -> tuple[str, float]:
        """The process that used most of a core, and how much of it. Of a difference."""
        title, seconds = max(self.cpu.items(), key=lambda used: used[1], default=("", 0.0))
        return title, seconds / self.seconds

    @property
    def others(self) -> float:
        """Cores that processes other than ours kept busy. Of a difference."""
        return max(0.0, self.busy - sum(self.cpu.values())) / self.seconds
