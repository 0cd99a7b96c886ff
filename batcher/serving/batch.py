"""A batch on its way through the card, and what became of its jobs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from batcher.engines.engine import Done, StepStats
from batcher.engines.failures import ComputeFailure
from broker.messages import Claim, Failure, FailureCode, Job, Result, Timing

SPOILED = "this job could not be read"


@dataclass(slots=True, kw_only=True)
class Batch:
    """Jobs claimed together. Times are this process's monotonic seconds."""

    claim: Claim
    claimed_at: float
    window: float = 0.0  # seconds that it waited for company
    closed_by: str = "idle"
    is_staged: bool = False  # claimed while another one ran
    running: Future[None] = field(default_factory=Future)  # its turn in the model thread
    started_at: float = 0.0
    seconds: float = 0.0  # in the engine
    stats: StepStats = field(default_factory=StepStats)
    jobs: Sequence[Job] = ()  # those that were still wanted when it started
    done: list[Done] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.claim.batch

    @property
    def waited(self) -> float:
        """Seconds between the opening of its window and its start."""
        return self.window + max(0.0, self.started_at - self.claimed_at)

    def start(self, now: float, cancelled: Collection[str]) -> None:
        """It starts now, with the jobs whose caller still waits: a staged batch may have outlived some."""
        self.started_at = now
        broker_now = self.claim.claimed + now - self.claimed_at
        self.jobs = [job for job in self.claim.jobs if job.deadline > broker_now and job.id not in cancelled]

    @property
    def left(self) -> list[str]:
        """Ids of its jobs that have no outcome yet."""
        told = {done.job_id for done in self.done}
        return [job.id for job in self.jobs if job.id not in told]

    def land(self, done: Sequence[Done]) -> bool:
        """Take the first outcome of each of its jobs; whether there was one. Others are nobody's."""
        left, before = set(self.left), len(self.done)
        for one in done:
            if one.job_id in left:
                left.remove(one.job_id)
                self.done.append(one)
        return len(self.done) > before

    def lose(self, trouble: ComputeFailure) -> list[str]:
        """No outcome will come for the rest: they fail. Returns their ids."""
        lost = self.left
        self.done += [Done(job_id=id, failure=trouble.failure(id)) for id in lost]
        return lost

    def results(self) -> list[Result]:
        """Outputs, each with where its time went."""
        jobs = {job.id: job for job in self.jobs}
        return [
            self.result(jobs[done.job_id], done, compute=done.seconds, beside=len(jobs))
            for done in self.done
            if done.failure is None
        ]

    def result(self, job: Job, done: Done, *, compute: float, beside: int) -> Result:
        """One output; `compute` in seconds, `beside`: the jobs computed together, this one included."""
        waited = max(0.0, self.claim.claimed - job.admitted)
        window = min(self.window, waited)
        queue = waited - window + self.started_at - self.claimed_at
        timing = Timing(queue=queue, window=window, compute=compute, batch_size=beside)
        return Result(job_id=done.job_id, output=done.output, timing=timing)

    def failures(self) -> list[Failure]:
        """Jobs that gave none, and bytes in the queue that never were a job."""
        return [done.failure for done in self.done if done.failure is not None] + self.spoiled()

    def spoiled(self) -> list[Failure]:
        """Of bytes in the queue that never were a job."""
        return [Failure(job_id=id, code=FailureCode.INVALID_INPUT, message=SPOILED) for id in self.claim.spoiled]
