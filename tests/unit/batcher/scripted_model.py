"""A model that does as it is told, and a batch engine that is asked for one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from batcher.engines.batch import BatchEngine
from batcher.engines.engine import Done
from batcher.models.contract import OutOfMemory
from broker.messages import FailureCode, Job

Group = list[str]


class Scripted:
    """Answers in capitals; `act(group)` may raise first, or answer otherwise. Remembers its groups."""

    def __init__(self, act: Callable[[Group], Any] = lambda group: None) -> None:
        self.groups: list[Group] = []
        self._act = act

    def forward(self, inputs: Sequence[str]) -> list[str]:
        group = list(inputs)
        self.groups.append(group)
        answer = self._act(group)
        return [text.upper() for text in group] if answer is None else answer


def jobs(*texts: str, cost: int = 1) -> list[Job]:
    return [Job(id=f"id-{text}", front_end="f", input=text, cost=cost) for text in texts]


def numbered(count: int, *special: str) -> list[str]:
    """`count` texts; the special ones stand at the end."""
    return [f"text {number}" for number in range(count - len(special))] + list(special)


def run(engine: BatchEngine, batch: Sequence[Job]) -> dict[str, Done]:
    engine.admit(batch)
    done = engine.step()
    assert sorted(one.job_id for one in done) == sorted(job.id for job in batch), "each job comes back exactly once"
    return {one.job_id.removeprefix("id-"): one for one in done}


def failures(done: dict[str, Done]) -> dict[str, tuple[FailureCode, str]]:
    return {text: (one.failure.code, one.failure.message) for text, one in done.items() if one.failure}


def raising(*bad: str, error: type[Exception] = RuntimeError) -> Callable[[Group], None]:
    def act(group: Group) -> None:
        if any(text in bad for text in group):
            raise error("secret internals")

    return act


def full_above(tokens: int) -> Callable[[Group], None]:
    """A card whose memory holds so many rows of one token."""

    def act(group: Group) -> None:
        if len(group) > tokens:
            raise OutOfMemory

    return act
