"""Where jobs are computed. The loop knows this promise only; a batch model and an in-flight decoder both keep it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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


@dataclass(slots=True, kw_only=True)
class StepStats:
    """What one step did, for the metrics. Failed forwards count as well."""

    groups: int = 0  # forward passes
    tokens: int = 0
    padded_tokens: int = 0
    forward_seconds: float = 0.0
    out_of_memory: int = 0  # forward passes that did not fit
    failed: int = 0  # forward passes that raised for another reason
    budget: int = 0  # padded tokens that a group may hold after this step
    pass_cost: int = 0  # what one more pass costs, in tokens, as learned so far


class Engine(Protocol):
    """`admit` jobs while there is `room`, then `step` until each has come back as `Done`, exactly once.

    All but `room` is called in the model thread.
    """

    last: StepStats  # what the last step did
    max_size: int  # jobs; with `max_tokens` the live limits, which may change between steps
    max_tokens: int

    def room(self) -> int:
        """How many more jobs could start now; 0 when it is full."""
        ...

    def admit(self, jobs: Sequence[Job]) -> None:
        """Take these jobs. Never raises for a bad job: it comes back as a failure."""
        ...

    def drop(self, job_ids: Collection[str]) -> None:
        """Nobody waits for these any more: they leave before the next step and do not come back. Others are ignored."""
        ...

    def step(self) -> list[Done]:
        """Compute for a while, in the model thread; the jobs that finished. Never raises for a job's sake."""
        ...
