"""The model's thread: takes the batches that are handed to it, steps the engine, tells who has left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import NamedTuple

import structlog

from batcher.engines.engine import Done, Engine, LiveLimits
from batcher.engines.failures import GONE, ComputeFailure
from batcher.engines.lost_device import ending_with_device
from batcher.metrics import BatcherMetrics
from batcher.serving.batch import Batch
from batcher.serving.report import Left, Report
from broker.messages import Job, Limits, requests_of

PAUSE = 1.0  # seconds after an engine has failed as a whole
IDLE_PAUSE = 0.001  # seconds after a step that had nothing to do, although the engine holds jobs
IDLE_STEPS = 1000  # of them in a row, and the engine has lost its jobs
SMOOTHING = 0.2  # weight of the last step in what a step takes
log = structlog.get_logger("batcher")


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """When jobs of one batch started. Times are this process's monotonic seconds."""

    batch: str
    at: float
    steps: int  # all those before it
    passes: int  # the same


class _Row(NamedTuple):
    """A job in the engine."""

    start: _Start
    job: Job
    deadline: float

    def checked(self, done: Done, now: float) -> Done:
        """With its whole stay for its time; and a failure where the output cannot travel: it would keep all others of
        its trip from being told. Engines of batch models see to both themselves."""
        seconds = now - self.start.at
        reason = None if done.failure is not None else ComputeFailure.of_output(done.output)
        if reason is None:
            return Done(job_id=done.job_id, output=done.output, failure=done.failure, seconds=seconds)
        log.warning("job failed", **self.job.identity, error=reason.error)
        return Done(job_id=done.job_id, failure=reason.failure(done.job_id), seconds=seconds)


class ModelThread:
    """`hand` it batches; `report` is called in this thread whenever jobs have left.

    A batch waits here until it may start, so that the card need not wait for the event loop's turn. `joins`: it starts
    beside those that run; otherwise when they have ended, and ends with the step that it starts with.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        joins: bool,
        report: Callable[[Report], None],
        cancelled: Callable[[], Collection[str]],
        tell_start: Callable[[str], None],
        progress: Callable[[], None],
        metrics: BatcherMetrics,
        clock: Callable[[], float],
        limits: Callable[[], Limits] = Limits,
    ) -> None:
        self._engine, self._joins, self._report, self._cancelled = engine, joins, report, cancelled
        self._tell_start, self._progress, self._metrics, self._clock = tell_start, progress, metrics, clock
        self._live = LiveLimits(engine, limits)
        self._handed: SimpleQueue[Batch | None] = SimpleQueue()
        self._rows: dict[str, _Row] = {}  # by job id
        self._steps = self._passes = 0  # all of them
        self._left: list[Left] = []  # since the last report, as the next two
        self._took: list[float] = []  # seconds of each step
        self._carried = 0  # jobs in the engine, summed over the steps
        self._idle = 0  # steps in a row in which the engine had nothing to do
        self.step = 0.0  # seconds that a step takes, smoothed; like the next one it is read from other threads
        self.capacity = sys.maxsize  # jobs, where the engine takes fewer than its limits say
        self._note_capacity()

    def hand(self, batch: Batch) -> None:
        """It starts as soon as it may, unless its turn is taken until then."""
        self._handed.put(batch)

    def stop(self) -> None:
        """End, whatever the engine holds."""
        self._handed.put(None)

    def run(self) -> None:
        """Until stopped. Ends with an exception only where the engine cannot even be emptied."""
        while (batches := self._next()) is not None:
            self.turn(batches)
        self._tell()

    def _next(self) -> list[Batch] | None:
        """Those that may start now; waits for one while the engine holds nothing. None when told to stop."""
        batches = [] if self._rows else [self._handed.get()]
        while self._joins and not self._handed.empty():
            batches.append(self._handed.get())
        return None if None in batches else [batch for batch in batches if batch is not None]

    def turn(self, batches: list[Batch]) -> None:
        """One step, with these admitted before."""
        try:
            with ending_with_device():
                self._take_part(batches)
        except BaseException:  # SystemExit too: in this thread it is nobody's but the engine's
            self._abandon(batches)
        self._show_rows()
        if self._handed.empty():
            self._tell()  # else behind the start of what is handed: see there

    def _take_part(self, batches: list[Batch]) -> None:
        self._live.take_over()
        for batch in batches:
            self._start(batch)
        # Only now: a report wakes the event loop's thread, which takes the interpreter when this one writes that a
        # batch starts. On a core that others share as well the card then stood still for milliseconds.
        self._tell()
        self._drop(self._unwanted())
        if self._rows:
            self._step()

    def _tell(self) -> None:
        if not self._left:
            return
        steps = len(self._took) or 1
        self._report(Report(left=self._left, step=sum(self._took) / steps, jobs=self._carried / steps))
        self._left, self._took, self._carried = [], [], 0

    # Before a step

    def _start(self, batch: Batch) -> None:
        if not batch.take_turn():
            return  # it has gone back to the queue
        self._take_on(batch)  # before all that may fail, so that an outcome is known of each of its jobs
        if batch.is_staged:
            # Here, and not with a FINISH to come: a poison that kills at once would pass for a batch that had not
            # started, over and over.
            self._tell_start(batch.id)
        self._engine.admit(batch.jobs)

    def _take_on(self, batch: Batch) -> None:
        now, known = self._clock(), [job.id for job in batch.claim.jobs if job.id in self._rows]
        self._move(known, batch.id)
        batch.start(now, {*self._cancelled(), *known})
        start, ahead = _Start(batch.id, now, self._steps, self._passes), batch.claimed_at - batch.claim.claimed
        self._rows |= {job.id: _Row(start, job, job.deadline + ahead) for job in batch.jobs}
        if unwanted := [job.id for job in batch.claim.jobs if job.id not in self._rows]:
            self._left.append(Left(batch=batch.id, unwanted=unwanted))

    def _move(self, job_ids: list[str], batch: str) -> None:
        """Their lease was lost and they were claimed again: a lost one cannot tell of failures, so this one does."""
        for id in job_ids:
            row = self._rows[id]
            self._left.append(Left(batch=row.start.batch, unwanted=[id]))
            self._rows[id] = row._replace(start=replace(row.start, batch=batch))

    def _unwanted(self) -> list[str]:
        now, cancelled = self._clock(), self._cancelled()
        return [id for id, row in self._rows.items() if row.deadline <= now or id in cancelled]

    def _drop(self, job_ids: list[str]) -> None:
        if job_ids:
            self._engine.drop(job_ids)
            self._left += [Left(batch=self._rows.pop(id).start.batch, unwanted=[id]) for id in job_ids]

    # A step

    def _step(self) -> None:
        began, rows = self._clock(), len(self._rows)
        self._show_rows()
        done = self._engine.step()
        now = self._clock()
        self._progress()
        self._account(now - began, rows)
        left = self._leave(done, now, rows)
        self._note_capacity()
        if self._rows:
            self._look_for_lost(is_idle=not left and not self._engine.last.tokens)

    def _account(self, seconds: float, rows: int) -> None:
        self._steps += 1
        self._passes += self._engine.last.groups
        self._took.append(seconds)
        self._carried += rows
        self.step += (seconds - self.step) * (SMOOTHING if self.step else 1.0)
        self._metrics.step(self._engine.last, seconds=seconds, rows=rows)
        if not self._joins and self._engine.last.groups:
            self._metrics.batch(self._engine.last)

    def _leave(self, done: Sequence[Done], now: float, rows: int) -> int:
        """How many of these are jobs of ours; others are nobody's, and so is a second outcome."""
        groups: dict[_Start, list[Done]] = {}
        for one in done:
            if row := self._rows.pop(one.job_id, None):
                groups.setdefault(row.start, []).append(row.checked(one, now) if self._joins else one)
        for start, group in groups.items():
            seconds, steps, passes = now - start.at, self._steps - start.steps, self._passes - start.passes
            self._left.append(
                Left(batch=start.batch, done=group, seconds=seconds, steps=steps, passes=passes, beside=rows)
            )
        return rows - len(self._rows)

    def _look_for_lost(self, *, is_idle: bool) -> None:
        """An engine that computed nothing though it was given jobs: by its own word it has none of them where it has as
        much room as it can have; else it waits for something, and need not be asked without a pause."""
        self._idle = self._idle + 1 if is_idle and self._engine.room() >= self._engine.max_size else 0
        if self._idle >= IDLE_STEPS:
            log.error("engine lost jobs", jobs=list(self._rows), **requests_of(self._jobs()))
            self._leave(
                [Done(job_id=id, failure=GONE.failure(id)) for id in self._rows], self._clock(), len(self._rows)
            )
            self._idle = 0
        elif is_idle:
            time.sleep(IDLE_PAUSE)

    def _jobs(self) -> list[Job]:
        return [row.job for row in self._rows.values()]

    def _note_capacity(self) -> None:
        capacity = self._engine.room() + len(self._rows)
        self.capacity = capacity if capacity < self._engine.max_size else sys.maxsize

    def _show_rows(self) -> None:
        if self._joins:
            self._metrics.in_flight(len(self._rows))

    def _abandon(self, batches: list[Batch]) -> None:
        whose = requests_of(self._jobs())
        log.exception("engine failed: its jobs are abandoned, their leases run out and they are served again", **whose)
        rows, self._rows = self._rows, {}
        self._left += [Left(batch=row.start.batch, abandoned=[id]) for id, row in rows.items()]
        self._engine.drop(list(rows))
        for batch in batches:
            if batch.turn:
                self.hand(batch)  # it had not started, nor gone back to the queue
        self._tell()
        time.sleep(PAUSE)
