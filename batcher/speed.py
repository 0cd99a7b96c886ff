"""How long a batch of n jobs takes: fixed + per_job · n, fitted to what this card did lately. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from broker.messages import Speed

MEMORY = 0.97  # weight that an observation keeps when the next one comes: about the last 30 batches count


@dataclass(slots=True)
class SpeedFit:
    """Least squares with fading memory: five sums, no history."""

    weight: float = 0.0
    jobs: float = 0.0
    seconds: float = 0.0
    jobs_squared: float = 0.0
    jobs_seconds: float = 0.0

    def observe(self, jobs: int, seconds: float) -> None:
        """One batch of `jobs` took `seconds`."""
        self.weight = self.weight * MEMORY + 1.0
        self.jobs = self.jobs * MEMORY + jobs
        self.seconds = self.seconds * MEMORY + seconds
        self.jobs_squared = self.jobs_squared * MEMORY + jobs * jobs
        self.jobs_seconds = self.jobs_seconds * MEMORY + jobs * seconds

    @property
    def speed(self) -> Speed:
        """Both parts at least zero. Batches of one size only say how long that size takes: it all counts as fixed."""
        if self.weight == 0.0:
            return Speed()
        spread = self.weight * self.jobs_squared - self.jobs**2
        slope = (self.weight * self.jobs_seconds - self.jobs * self.seconds) / spread if spread > 1e-6 else 0.0
        per_job = min(max(slope, 0.0), self.seconds / max(self.jobs, 1e-9))
        return Speed(fixed=(self.seconds - per_job * self.jobs) / self.weight, per_job=per_job)

    def predict(self, jobs: int) -> float:
        """Seconds for a batch of this size; 0.0 when nothing was observed yet."""
        return self.speed.fixed + self.speed.per_job * jobs
