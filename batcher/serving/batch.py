"""Jobs that were claimed together. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from batcher.engines.engine import Done
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
    turn: list[None] = field(default_factory=lambda: [None])  # empty once somebody has taken it
    started_at: float = 0.0
    seconds: float = 0.0  # in the engine
    passes: int = 0  # forward passes meanwhile
    jobs: Sequence[Job] = ()  # those that were still wanted when it started

    @property
    def id(self) -> str:
        return self.claim.batch

    @property
    def waited(self) -> float:
        """Seconds between the opening of its window and its start."""
        return self.window + max(0.0, self.started_at - self.claimed_at)

    def take_turn(self) -> bool:
        """True once, for who asks first: the model's thread, which begins, or the event loop, which gives it back."""
        try:
            self.turn.pop()  # no other thread comes between
        except IndexError:
            return False
        return True

    def start(self, now: float, cancelled: Collection[str]) -> None:
        """It starts now, with the jobs whose caller still waits: a staged batch may have outlived some."""
        self.started_at = now
        broker_now = self.claim.claimed + now - self.claimed_at
        self.jobs = [job for job in self.claim.jobs if job.deadline > broker_now and job.id not in cancelled]

    def result(self, job: Job, done: Done, *, beside: int) -> Result:
        """Its output, and where its time went; `beside`: the jobs computed together, this one included."""
        waited = max(0.0, self.claim.claimed - job.admitted)
        window = min(self.window, waited)
        queue = waited - window + self.started_at - self.claimed_at
        timing = Timing(queue=queue, window=window, compute=done.seconds, batch_size=beside)
        return Result(job_id=done.job_id, output=done.output, timing=timing)

    def spoiled(self) -> list[Failure]:
        """Of bytes in the queue that never were a job."""
        return [Failure(job_id=id, code=FailureCode.INVALID_INPUT, message=SPOILED) for id in self.claim.spoiled]
