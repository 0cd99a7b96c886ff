"""What `scale` varies, and what it finds at each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from batcher.models.synthetic import PassTime
from benchmarks.spent.spent import Spent

FULL_BATCH = 64  # jobs: the default of --max-batch-size


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which processes stand there, and how many clients ask them."""

    varied: str  # "front ends" | "batchers": what there is more of from point to point
    front_ends: int
    batchers: int
    pass_time: str  # of the model: a batch + a job
    connections: int  # of all clients together, each of which waits for its answer

    @property
    def count(self) -> int:
        return self.front_ends if self.varied == "front ends" else self.batchers

    @property
    def most(self) -> float | None:
        """Answers a second if every batch were full and nothing but the model took time; None where it takes none."""
        seconds = PassTime.read(self.pass_time).of(FULL_BATCH)
        return self.batchers * FULL_BATCH / seconds if seconds else None

    @property
    def spec(self) -> str:
        return f"synthetic:{self.pass_time}"

    def __str__(self) -> str:
        return f"{self.front_ends} front end(s), {self.batchers} batcher(s) of {self.spec}, {self.connections} clients"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run of one layout; each request holds one record."""

    layout: Layout
    answers: int
    seconds: float
    p50: float  # ms, mean of the front ends'
    p99: float  # ms, the worst front end's
    spent: Spent
    load: float  # of the machine over the last minute, ours included

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds

    def micros(self, kind: str) -> float:
        """Processor time of all processes of a kind for one answer, µs."""
        return self.spent.micros(kind, self.answers)

    @property
    def jobs_a_batch(self) -> float:
        return self.answers / max(1, self.spent.batches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Points in the order in which they were measured, every layout once a round."""

    date: str
    machine: Mapping[str, str]
    points: Sequence[Point]
