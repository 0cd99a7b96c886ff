"""A model's thread that takes a turn when it is told to, and what it reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from batcher.engines.engine import Done
from batcher.metrics import BatcherMetrics
from batcher.serving.batch import Batch
from batcher.serving.model_thread import ModelThread
from batcher.serving.report import Report
from broker.messages import Claim, Job
from tests.conftest import FakeClock
from tests.toy_engine import ToyEngine


class Gone(NamedTuple):
    """A job that left the engine; without an outcome where nobody waits for it or the engine has lost it."""

    batch: str
    job_id: str
    done: Done | None
    is_abandoned: bool
    seconds: float
    steps: int
    beside: int


@dataclass
class Card:
    """A thread that turns when it is told to, and what it said."""

    clock: FakeClock
    before_step: Callable[[list[str]], None] = lambda texts: None
    before_start: Callable[[], None] = lambda: None  # of a staged batch
    joins: bool = True
    cancelled: frozenset[str] = frozenset()
    reports: list[Report] = field(default_factory=list)
    steps: list[list[str]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    metrics: BatcherMetrics = field(default_factory=lambda: BatcherMetrics("toy"))

    def __post_init__(self) -> None:
        self.engine = ToyEngine(before_step=self._on_step)
        self.thread = ModelThread(
            self.engine,
            joins=self.joins,
            report=self._report,
            cancelled=lambda: self.cancelled,
            tell_start=self._on_start,
            progress=lambda: None,
            metrics=self.metrics,
            clock=self.clock,
        )

    @property
    def rows(self) -> float | None:
        """In flight, as the metrics say."""
        return self.metrics.registry.get_sample_value("jitney_rows_in_flight", {"model": "toy"})

    def _on_step(self, texts: list[str]) -> None:
        self.steps.append(texts)
        self.clock.tick(1.0)  # a step takes a second
        self.before_step(texts)

    def _on_start(self, batch: str) -> None:
        self.before_start()
        self.started.append(batch)

    def _report(self, report: Report) -> None:
        self.reports.append(report)

    @property
    def left(self) -> list[Gone]:
        """Who has left, one by one."""
        return [
            Gone(left.batch, id, outcomes.get(id), id in left.abandoned, left.seconds, left.steps, left.beside)
            for report in self.reports
            for left in report.left
            if (outcomes := {one.job_id: one for one in left.done}) is not None
            for id in (*outcomes, *left.unwanted, *left.abandoned)
        ]

    def batch(self, name: str, *texts: str, deadline: float = 1e9, is_staged: bool = False) -> Batch:
        fields: dict[str, Any] = {"front_end": "f", "deadline": deadline, "meta": {"request_id": f"of {name}"}}
        jobs = [Job(id=f"{name}{at}", input=text, **fields) for at, text in enumerate(texts)]
        claim = Claim(batch=name, jobs=jobs, claimed=5.0)
        return Batch(claim=claim, claimed_at=self.clock.now, is_staged=is_staged)
