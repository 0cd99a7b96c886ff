"""The thread of an in-flight engine: takes what is handed to it, steps while jobs are in flight, tells who has left."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue

import structlog

from batcher.engines.engine import Done, Engine, LiveLimits
from batcher.engines.failures import GONE, ComputeFailure
from batcher.metrics import BatcherMetrics
from batcher.serving.batch import Batch
from batcher.serving.lost_device import ending_with_device
from broker.messages import Limits

PAUSE = 1.0  # seconds after an engine has failed as a whole
IDLE_PAUSE = 0.001  # seconds after a step that had nothing to do, although jobs are in flight
IDLE_STEPS = 1000  # of them in a row, and the engine has lost its jobs
SMOOTHING = 0.2  # weight of the last step in what a step takes
log = structlog.get_logger("batcher")


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A job that left the engine: with its outcome, or without one because nobody waits for it any more."""

    batch: str
    job_id: str
    done: Done | None = None
    is_abandoned: bool = False  # the engine has lost it: it has no outcome, and somebody still waits
    seconds: float = 0.0  # that it stayed
    steps: int = 0  # that it took part in
    rows: int = 0  # jobs in flight when it left, this one included


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of the steps since the last report."""

    left: Sequence[Left]
    capacity: int  # jobs that the engine takes at all
    step: float = 0.0  # seconds that a step took, on average
    rows: float = 0.0  # jobs in flight, on average


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A job in flight. Times are this process's monotonic seconds."""

    batch: str
    started_at: float
    deadline: float
    steps: int  # all those before it


class ModelThread:
    """`hand` it batches; `report` is called in this thread whenever jobs have left."""

    def __init__(
        self,
        engine: Engine,
        *,
        report: Callable[[Report], None],
        cancelled: Callable[[], Collection[str]],
        tell_start: Callable[[str], None],
        progress: Callable[[], None],
        metrics: BatcherMetrics,
        clock: Callable[[], float],
        limits: Callable[[], Limits] = Limits,
    ) -> None:
        self._engine, self._report, self._cancelled = engine, report, cancelled
        self._tell_start, self._progress, self._metrics, self._clock = tell_start, progress, metrics, clock
        self._live = LiveLimits(engine, limits)
        self._handed: SimpleQueue[Batch | None] = SimpleQueue()
        self._rows: dict[str, _Row] = {}  # by job id
        self._capacity = engine.room()
        self._steps = 0  # all of them
        self._left: list[Left] = []  # since the last report, as the next two
        self._took: list[float] = []  # seconds of each step
        self._carried = 0  # jobs in flight, summed over the steps
        self._idle = 0  # steps in a row in which the engine had nothing to do
        self.step = 0.0  # seconds that a step takes, smoothed

    def hand(self, batch: Batch) -> None:
        """It starts before the next step, unless its `running` is cancelled until then."""
        self._handed.put(batch)

    def stop(self) -> None:
        """End, whatever is in flight."""
        self._handed.put(None)

    def run(self) -> None:
        """Until stopped. Ends with an exception only where the engine cannot even be emptied."""
        while (batches := self._next()) is not None:
            self.turn(batches)

    def _next(self) -> list[Batch] | None:
        """What was handed over meanwhile; waits for it while nothing is in flight. None when told to stop."""
        batches = [] if self._rows else [self._handed.get()]
        while not self._handed.empty():
            batches.append(self._handed.get())
        return None if None in batches else [batch for batch in batches if batch is not None]

    def turn(self, batches: list[Batch]) -> None:
        """One step, with these on board."""
        try:
            with ending_with_device():
                self._take_part(batches)
        except BaseException:  # SystemExit too: in this thread it is nobody's but the engine's
            self._abandon(batches)
        self._metrics.in_flight(len(self._rows))
        if self._left:
            self._tell()

    def _take_part(self, batches: list[Batch]) -> None:
        self._live.take_over()
        for batch in batches:
            self._start(batch)
        self._drop(self._unwanted())
        if self._rows:
            self._step()

    def _tell(self) -> None:
        steps = len(self._took) or 1
        mean = {"step": sum(self._took) / steps, "rows": self._carried / steps}
        self._report(Report(left=self._left, capacity=self._capacity, **mean))
        self._left, self._took, self._carried = [], [], 0

    def _start(self, batch: Batch) -> None:
        if not batch.running.set_running_or_notify_cancel():
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
        for job in batch.jobs:
            deadline = batch.claimed_at + job.deadline - batch.claim.claimed
            self._rows[job.id] = _Row(batch=batch.id, started_at=now, deadline=deadline, steps=self._steps)
        started = {*known, *(job.id for job in batch.jobs)}
        self._left += [Left(batch=batch.id, job_id=job.id) for job in batch.claim.jobs if job.id not in started]

    def _move(self, job_ids: list[str], batch: str) -> None:
        """Their lease was lost and they were claimed again: a lost one cannot tell of failures, so this one does."""
        self._left += [Left(batch=self._rows[id].batch, job_id=id) for id in job_ids]
        self._rows |= {id: replace(self._rows[id], batch=batch) for id in job_ids}

    def _unwanted(self) -> list[str]:
        now, cancelled = self._clock(), self._cancelled()
        return [id for id, row in self._rows.items() if row.deadline <= now or id in cancelled]

    def _drop(self, job_ids: list[str]) -> None:
        if job_ids:
            self._engine.drop(job_ids)
            self._left += [Left(batch=self._rows.pop(id).batch, job_id=id) for id in job_ids]

    def _step(self) -> None:
        began, rows = self._clock(), len(self._rows)
        self._metrics.in_flight(rows)
        done = self._engine.step()
        now = self._clock()
        self._progress()
        self._account(now - began, rows)
        self._left += [self._landed(one, now, rows) for one in done if one.job_id in self._rows]
        self._capacity = self._engine.room() + len(self._rows)
        if self._rows:
            self._look_for_lost(is_idle=not done and not self._engine.last.tokens)

    def _look_for_lost(self, *, is_idle: bool) -> None:
        """An engine that computed nothing while jobs are in flight here: by its own word it has none of them where it
        has as much room as it can have; else it waits for something, and need not be asked without a pause."""
        self._idle = self._idle + 1 if is_idle and self._engine.room() >= self._engine.max_size else 0
        if self._idle >= IDLE_STEPS:
            log.error("engine lost jobs", jobs=list(self._rows))
            lost = [Done(job_id=id, failure=GONE.failure(id)) for id in self._rows]
            self._left += [self._landed(one, self._clock(), len(lost)) for one in lost]
            self._idle = 0
        elif is_idle:
            time.sleep(IDLE_PAUSE)

    def _account(self, seconds: float, rows: int) -> None:
        self._steps += 1
        self._took.append(seconds)
        self._carried += rows
        self.step += (seconds - self.step) * (SMOOTHING if self.step else 1.0)
        self._metrics.step(self._engine.last, seconds=seconds, rows=rows)

    def _landed(self, done: Done, now: float, rows: int) -> Left:
        row = self._rows.pop(done.job_id)
        steps, seconds = self._steps - row.steps, now - row.started_at
        return Left(batch=row.batch, job_id=done.job_id, done=_sendable(done), seconds=seconds, steps=steps, rows=rows)

    def _abandon(self, batches: list[Batch]) -> None:
        log.exception("engine failed: its jobs are abandoned, their leases run out and they are served again")
        rows, self._rows = self._rows, {}
        self._left += [Left(batch=row.batch, job_id=id, is_abandoned=True) for id, row in rows.items()]
        self._engine.drop(list(rows))
        for batch in batches:
            if not (batch.running.running() or batch.running.cancelled()):
                self.hand(batch)  # it had not started, nor gone back to the queue
        self._tell()
        time.sleep(PAUSE)


def _sendable(done: Done) -> Done:
    """Itself, or a failure: one output that cannot travel would keep all others of its trip from being told."""
    trouble = None if done.failure is not None else ComputeFailure.of_output(done.output)
    if trouble is None:
        return done
    log.warning("job failed", job=done.job_id, error=trouble.error)
    return replace(done, output=None, failure=trouble.failure(done.job_id))
