"""How long a batch of n jobs takes: fixed + per_job · n, fitted to what this card did lately. Pure."""

from __future__ import annotations

from batcher.fading_line import FadingLine
from broker.messages import Speed

MEMORY = 0.97  # about the last 30 batches count


class SpeedFit:
    """Both parts are at least zero. Batches of one size only say how long that size takes: it all counts as fixed."""

    def __init__(self) -> None:
        self._line = FadingLine(memory=MEMORY)

    def observe(self, jobs: int, seconds: float) -> None:
        """One batch of `jobs` took `seconds`."""
        self._line.observe(jobs, seconds)

    @property
    def speed(self) -> Speed:
        """All zero when nothing was observed yet."""
        line = self._line
        if line.weight == 0.0:
            return Speed()
        per_job = min(max(line.slope, 0.0), line.mean_y / line.mean_x)
        return Speed(fixed=line.mean_y - per_job * line.mean_x, per_job=per_job)

    def predict(self, jobs: int) -> float:
        """Seconds for a batch of this size; 0.0 when nothing was observed yet."""
        return self.speed.fixed + self.speed.per_job * jobs
