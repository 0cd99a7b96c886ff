"""Where jobs are computed. The loop knows this promise only; a batch model and an in-flight decoder both keep it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from batcher.models.contract import Output
from broker.messages import Failure, Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One computed job: its output, or why there is none. `seconds` is the compute time of its forward group(s)."""

    job_id: str
    output: Output = None
    failure: Failure | None = None
    seconds: float = 0.0


class Engine(Protocol):
    """`admit` jobs while there is `room`, then `step` until each has come back as `Done`, exactly once."""

    def room(self) -> int:
        """How many more jobs could start now; 0 when it is full."""
        ...

    def admit(self, jobs: Sequence[Job]) -> None:
        """Take these jobs. Never raises for a bad job: it comes back as a failure."""
        ...

    def step(self) -> list[Done]:
        """Compute for a while, in the model thread; the jobs that finished. Never raises for a job's sake."""
        ...
