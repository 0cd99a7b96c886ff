"""What the model's thread tells the event loop: who has left the engine, and how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from batcher.engines.engine import Done


class Left(Struct, frozen=True, kw_only=True):
    """Jobs of one batch that left the engine together."""

    batch: str
    done: Sequence[Done] = ()  # with their outcomes
    unwanted: Sequence[str] = ()  # ids: nobody waits for them any more
    abandoned: Sequence[str] = ()  # ids: they have no outcome, and somebody still waits
    seconds: float = 0.0  # that they were in the engine
    steps: int = 0  # that they took part in
    passes: int = 0  # forward passes meanwhile
    beside: int = 0  # jobs in the engine when they left, they included


class Report(Struct, frozen=True, kw_only=True):
    """What came of the steps since the last report."""

    left: Sequence[Left]
    step: float = 0.0  # seconds that a step took, on average
    jobs: float = 0.0  # in the engine, on average; 0.0 where there was no step

    @property
    def stays(self) -> Iterator[int]:
        """Steps that each job took that gave a result."""
        return (one.steps for one in self.left for done in one.done if done.failure is None)

    @property
    def has_failures(self) -> bool:
        return any(done.failure is not None for one in self.left for done in one.done)
