"""The engine of models that compute a batch in one go: cuts forward groups, and finds the cause when one fails."""

from __future__ import annotations

import inspect
import operator
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from batcher.engines.bisection import Bisection
from batcher.engines.engine import Done, StepStats
from batcher.engines.failures import NOT_TRIED, ComputeFailure, Kind
from batcher.engines.lost_device import refuse_lost
from batcher.models.contract import Input, Model, Output
from batcher.policy.budget import TokenBudget
from batcher.policy.packing import fill, pack, padded
from batcher.policy.pass_cost import PassCost
from broker.header import MAX_COST
from broker.messages import Job, requests_of

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Row:
    """A job in the batch."""

    job: Job
    length: int  # tokens
    seconds: float = 0.0  # of the forwards it took part in


class BatchEngine:
    """Keeps `Engine`: every step computes all it holds, in as many forward groups as that takes.

    `cost(input)` gives a length in tokens; without it the job's own cost counts. `pads`: a pass pads its rows to
    the longest. `progress()` is called after every forward pass, and by a model that reports on its way. Exceptions are
    bisected: only the jobs that cause them fail.
    """

    def __init__(
        self,
        model: Model,
        *,
        max_size: int = 64,
        max_tokens: int = 16384,
        cost: Callable[[Input], int] | None = None,
        pads: bool = True,
        progress: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model = model
        self.max_size = max_size  # jobs
        self.max_tokens = max_tokens  # padded tokens of a forward group; both may be changed between steps
        self.last = StepStats()
        self.progress = progress
        self.clock = clock
        self.budget = TokenBudget()
        self.pass_cost = PassCost()
        self._cost, self._pads = cost, pads
        self._held: list[Job] = []
        report_to = getattr(model, "report_to", None)
        if report_to is not None:
            report_to(progress)

    def room(self) -> int:
        return max(0, self.max_size - len(self._held))

    def admit(self, jobs: Sequence[Job]) -> None:
        self._held.extend(jobs)

    def drop(self, job_ids: Collection[str]) -> None:
        self._held = [job for job in self._held if job.id not in job_ids]

    def step(self) -> list[Done]:
        """Each job held at the start, exactly once. Jobs admitted meanwhile wait for the next step."""
        jobs, self._held = self._held, []
        batch = _Batch(self, [_Row(job, self._length(job)) for job in jobs])
        done = batch.compute()
        self.last = batch.stats
        return done

    def size(self, group: Sequence[_Row]) -> int:
        """Tokens that the model computes for this group: padded to the longest, if it pads."""
        lengths = [row.length for row in group]
        return padded(lengths) if self._pads else sum(lengths)

    def packed(self, rows: Sequence[_Row]) -> list[Sequence[_Row]]:
        """Groups that are believed to fit, the shortest first."""
        lengths, room = [row.length for row in rows], self.budget.within(self.max_tokens)
        if self._pads:
            groups = pack(lengths, max_tokens=room, pass_cost=self.pass_cost.tokens)
        else:
            groups = fill(lengths, max_tokens=room)
        return [[rows[index] for index in group] for group in groups]

    def _length(self, job: Job) -> int:
        try:
            length = operator.index(self._cost(job.input)) if self._cost else job.cost
        except BaseException as error:
            # A cost that cannot be told is not yet an answer: the forward will say what is wrong with this input.
            refuse_lost(error)
            length = job.cost
        return min(max(1, length), MAX_COST)


class _Batch:
    """One batch on its way through the model: groups that wait, jobs that are done."""

    def __init__(self, engine: BatchEngine, rows: Sequence[_Row]) -> None:
        self.stats = StepStats()
        self._engine = engine
        self._groups = Bisection(engine.packed(rows))
        self._done: list[Done] = []

    def compute(self) -> list[Done]:
        while group := self._groups.next_group():
            self._compute_group(group)
        self._learn()
        return self._done

    def _compute_group(self, group: Sequence[_Row]) -> None:
        outcome = self._forward(group)
        if isinstance(outcome, ComputeFailure):
            self._recover(outcome, group)
        elif not _is_list(outcome):
            self._reject(group, f"{_kind(outcome)} in place of a list of outputs")
        elif len(outcome) != len(group):
            self._reject(group, f"{len(outcome)} outputs for {len(group)} inputs")
        else:
            self._groups.ended({row.job.id for row in group})
            for row, output in zip(group, outcome, strict=True):
                self._answer(row, output)

    def _answer(self, row: _Row, output: Output) -> None:
        if cause := ComputeFailure.of_output(output):
            self._fail([row], cause)
        else:
            self._done.append(Done(job_id=row.job.id, output=output, seconds=row.seconds))

    def _forward(self, group: Sequence[_Row]) -> Any | ComputeFailure:
        started = self._engine.clock()
        try:
            outputs: Any = self._engine.model.forward([row.job.input for row in group])
        except BaseException as error:  # SystemExit too: in this thread it is nobody's but the model's
            return ComputeFailure.of(error)
        finally:
            seconds = self._engine.clock() - started
            self._note(group, seconds)
            self._engine.progress()
        self._engine.pass_cost.observe(self._engine.size(group), seconds)
        return outputs

    def _note(self, group: Sequence[_Row], seconds: float) -> None:
        for row in group:
            row.seconds += seconds
        self.stats.groups += 1
        self.stats.tokens += sum(row.length for row in group)
        self.stats.padded_tokens += self._engine.size(group)
        self.stats.forward_seconds += seconds

    def _recover(self, cause: ComputeFailure, group: Sequence[_Row]) -> None:
        self.stats.out_of_memory += cause.kind is Kind.MEMORY
        self.stats.failed += cause.kind is not Kind.MEMORY
        if cause.kind is Kind.MEMORY and len(group) > 1:
            lost = self._shrink(group)
        else:
            # An invalid input is an answer from a model in good health; a thousand of them say nothing about it.
            lost = self._groups.open(group, says_broken=cause.kind is not Kind.INVALID)
        alone = group[0] if len(group) == 1 else None
        for row in lost:
            self._fail([row], cause if row is alone else NOT_TRIED)

    def _shrink(self, group: Sequence[_Row]) -> list[_Row]:
        """This group and those that wait, each cut to what is now believed to fit. Suspects stay on their own."""
        self._engine.budget.did_not_fit(self._engine.size(group))
        jobs, padded = [row.job for row in group], self._engine.size(group)
        log.warning("forward group did not fit", jobs=len(jobs), padded_tokens=padded, **requests_of(jobs))
        return self._groups.repack(group, self._engine.packed)

    def _reject(self, group: Sequence[_Row], answered: str) -> None:
        # Which output belongs to which input can no longer be told, and a smaller group would guess again.
        message = f"the model answered with {answered}"
        self._groups.drop({row.job.id for row in group})
        self._fail(group, ComputeFailure(kind=Kind.ERROR, message=message, error=message))

    def _fail(self, group: Sequence[_Row], cause: ComputeFailure) -> None:
        for row in group:
            failure = cause.fail(row.job, tokens=row.length)
            self._done.append(Done(job_id=row.job.id, failure=failure, seconds=row.seconds))

    def _learn(self) -> None:
        allowed = self._engine.max_tokens
        if not self.stats.out_of_memory:
            self._engine.budget.did_fit(allowed)
        self.stats.budget = self._engine.budget.within(allowed)
        self.stats.pass_cost = self._engine.pass_cost.tokens


def _is_list(outputs: Any) -> bool:
    """Whether each element is the output of one input. Of a dict or a text it is a key or a letter; of an array, of a
    named tuple such as (values, indices), a part of what was meant as one."""
    return isinstance(outputs, list) or type(outputs) is tuple


def _kind(outputs: Any) -> str:
    if inspect.iscoroutine(outputs):
        outputs.close()  # or Python complains that nobody ever awaited it
    return f"a {type(outputs).__name__}"
