"""An in-flight engine of a few lines: `3 abc` takes three steps, then it is answered reversed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence

from batcher.engines.engine import Done, StepStats
from broker.messages import Failure, FailureCode, Job


class ToyEngine:
    """Keeps `Engine`. `before_step` is given the texts in flight, and may wait, raise, or end the process."""

    def __init__(
        self,
        *,
        max_size: int = 64,
        max_tokens: int = 16384,
        progress: Callable[[], None] = lambda: None,
        before_step: Callable[[list[str]], None] = lambda texts: None,
    ) -> None:
        self.max_size, self.max_tokens = max_size, max_tokens
        self.slots = sys.maxsize  # jobs; fewer than `max_size` where it has made itself smaller
        self.last = StepStats()
        self._before_step = before_step
        self._jobs: dict[str, Job] = {}
        self._steps: dict[str, int] = {}  # job id → steps that it has yet to take

    def room(self) -> int:
        return max(0, min(self.max_size, self.slots) - len(self._jobs))

    def admit(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            assert job.id not in self._jobs, "a job is in flight twice"
            self._jobs[job.id], self._steps[job.id] = job, int(job.input.split()[0])

    def drop(self, job_ids: Collection[str]) -> None:
        for id in job_ids:
            self._jobs.pop(id, None)
            self._steps.pop(id, None)

    def step(self) -> list[Done]:
        self._before_step([job.input for job in self._jobs.values()])
        rows = len(self._jobs)
        self.last = StepStats(groups=1, tokens=rows, padded_tokens=rows)
        self._steps = {id: left - 1 for id, left in self._steps.items()}
        done = [self._done(self._jobs[id]) for id, left in self._steps.items() if left <= 0]
        self.drop([one.job_id for one in done])
        return done

    def _done(self, job: Job) -> Done:
        if job.input.endswith("bad"):
            failure = Failure(job_id=job.id, code=FailureCode.MODEL_ERROR, message="no")
            return Done(job_id=job.id, failure=failure)
        return Done(job_id=job.id, output=job.input[::-1])
