"""How long a batch of n jobs takes: fixed + per_job · n, fitted to what this card did lately. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from batcher.fading_line import FadingLine
from broker.messages import Speed

MEMORY = 0.97  # about the last 30 batches of a size count


class SpeedFit:
    """Both parts are at least zero.

    Batches of like size (1, 2–3, 4–7, …) fade among themselves only: an hour of lone jobs does not wash away what full
    batches took. The line goes through the average of each. Where one size alone was seen all its time counts for its
    jobs: larger batches are taken to be slow until one was seen, for who is admitted should be answered in time.
    """

    def __init__(self, memory: float = MEMORY) -> None:
        self._memory = memory  # weight that an observation keeps when the next one of its size comes
        self._sizes: dict[int, FadingLine] = {}

    def observe(self, jobs: int, seconds: float) -> None:
        """One batch of `jobs` took `seconds`."""
        self._sizes.setdefault(jobs.bit_length(), FadingLine(memory=self._memory)).observe(jobs, seconds)

    @property
    def speed(self) -> Speed:
        """All zero when nothing was observed yet."""
        if not self._sizes:
            return Speed()
        line = self._line(self._sizes.values())
        most = line.mean_y / line.mean_x
        per_job = min(max(line.slope, 0.0), most) if len(self._sizes) > 1 else most
        return Speed(fixed=line.mean_y - per_job * line.mean_x, per_job=per_job)

    def _line(self, sizes: Iterable[FadingLine]) -> FadingLine:
        line = FadingLine(memory=1.0)
        for size in sizes:
            line.observe(size.mean_x, size.mean_y)
        return line

    def predict(self, jobs: int) -> float:
        """Seconds for a batch of this size; 0.0 when nothing was observed yet."""
        return self.speed.fixed + self.speed.per_job * jobs
