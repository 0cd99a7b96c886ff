"""Where jobs are computed. The loop knows this promise only; a batch model and an in-flight decoder both keep it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from msgspec import Struct

from batcher.models.contract import Output
from broker.messages import Failure, Job, Limits


class Done(Struct, frozen=True, kw_only=True):
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


@runtime_checkable
class Engine(Protocol):
    """`admit` jobs while there is `room`, then `step` until each has come back as `Done`, exactly once.

    All but `room` is called in the model thread.
    """

    last: StepStats  # what the last step did
    max_size: int  # jobs; with `max_tokens` the live limits, which change between steps only
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


class LiveLimits:
    """Hands limits that have changed to an engine: between its steps, for within one they would cut it in two."""

    def __init__(self, engine: Engine, current: Callable[[], Limits]) -> None:
        self._engine, self._current = engine, current
        self._known = current()  # the engine was made with these

    def take_over(self) -> None:
        """In the model thread, before a step."""
        limits = self._current()
        if limits != self._known:
            self._known = limits
            self._engine.max_size, self._engine.max_tokens = limits.max_batch_size, limits.max_batch_tokens
