"""How long a batch of n jobs takes: fixed + per_job · n, fitted to what this card did lately. Pure."""

from __future__ import annotations

from collections.abc import Collection

from batcher.policy.decayed_regression import DecayedRegression
from broker.messages import Speed

MEMORY = 0.97  # about the last 30 batches of a size count
REACH = 4  # the line is believed up to so many times the largest size that was seen
JUST_NOW = 0.7  # the same, of those that tell how long the next one of their size takes
LATELY = 1000  # batches, among which a size must have been to count: more than between two trials (gathering/)
YOUNG, COLD = 8, 2.0  # among the first batches of a size, one so much faster shows that those before it were cold


class SpeedFit:
    """Both parts are at least zero.

    Batches of like size (1, 2–3, 4–7, …) fade among themselves only: an hour of lone jobs does not wash away what full
    batches took. The line goes through the average of each. What was seen at one size says nothing of the slope: then
    batches of any size are taken to last as long, since nothing more is certain.
    """

    counts_from = 2  # batches of a size before anybody may be refused by them: the first one may be cold

    def __init__(self, memory: float = MEMORY) -> None:
        self._memory = memory  # weight that an observation keeps when the next one of its size comes
        self._sizes: dict[int, DecayedRegression] = {}
        self._latest: dict[int, DecayedRegression] = {}
        self._seen: dict[int, int] = {}  # batches of each size
        self._count, self._last = 0, dict[int, int]()  # all batches; which one was the last of its size
        self._speed: Speed | None = None  # what all this says, once somebody has asked

    def observe(self, jobs: int, seconds: float) -> None:
        """One batch of `jobs` took `seconds`."""
        self._speed = None
        size = jobs.bit_length()
        self._count = self._last[size] = self._count + 1
        seen = self._seen[size] = self._seen.get(size, 0) + 1
        if seen <= self.counts_from or (seen <= YOUNG and seconds * COLD < self._sizes[size].mean_y):
            self._sizes[size] = DecayedRegression(memory=self._memory)
            self._latest[size] = DecayedRegression(memory=JUST_NOW)
        self._sizes[size].observe(jobs, seconds)
        self._latest[size].observe(jobs, seconds)

    @property
    def speed(self) -> Speed:
        """All that was seen; all zero when nothing was."""
        if self._speed is None:
            self._speed = self._through(self._sizes.values())
        return self._speed

    @property
    def lately(self) -> Speed:
        """Only by sizes that were seen lately: those of another time may have cost something else."""
        since = self._count - LATELY
        return self._through([self._latest[size] for size, last in self._last.items() if last > since])

    def speed_up_to(self, room: int) -> Speed:
        """For those who refuse by it: without what may be cold, and less steep where batches of `room` jobs are much
        larger than any that was seen. All zero while nothing is known."""
        known = [line for size, line in self._sizes.items() if self._seen[size] >= self.counts_from]
        speed = self.speed if len(known) == len(self._sizes) else self._through(known)
        believed = REACH * max((line.mean_x for line in known), default=0.0)
        return Speed(fixed=speed.fixed, per_job=speed.per_job * min(1.0, believed / max(room, 1)))

    def predict(self, jobs: int) -> float:
        """Seconds for a batch of this size; 0.0 when nothing was observed yet."""
        speed = self.speed
        return speed.fixed + speed.per_job * jobs

    def predict_next(self, jobs: int) -> float:
        """The same of the batch that runs: by the last few of like size, for a card waits for whoever believes what was
        seen of others, or long ago."""
        latest = self._latest.get(jobs.bit_length())
        if latest is None:
            return self.predict(jobs)
        per_job = min(self.speed.per_job, latest.mean_y / latest.mean_x)
        return latest.mean_y + per_job * (jobs - latest.mean_x)

    def _through(self, sizes: Collection[DecayedRegression]) -> Speed:
        if not sizes:
            return Speed()
        line = self._line(sizes)
        per_job = min(max(line.slope, 0.0), line.mean_y / line.mean_x) if len(sizes) > 1 else 0.0
        return Speed(fixed=line.mean_y - per_job * line.mean_x, per_job=per_job)

    def _line(self, sizes: Collection[DecayedRegression]) -> DecayedRegression:
        line = DecayedRegression(memory=1.0)
        for size in sizes:
            line.observe(size.mean_x, size.mean_y)
        return line
