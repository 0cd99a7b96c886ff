"""Where a request's time went, for `Server-Timing` and the metrics."""

from __future__ import annotations

from dataclasses import dataclass

from broker.messages import Timing


@dataclass(frozen=True, slots=True)
class Stages:
    """Seconds a request's longest job spent in each stage; `back` is all that the batcher did not see."""

    queue: float
    window: float
    compute: float
    back: float
    batch_size: int

    def header(self) -> bytes:
        """As `Server-Timing` has it: milliseconds."""
        return (
            f"queue;dur={self.queue * 1e3:.2f}, window;dur={self.window * 1e3:.2f}, "
            f"compute;dur={self.compute * 1e3:.2f}, return;dur={self.back * 1e3:.2f}, "
            f'batch;desc="{self.batch_size}"'
        ).encode("ascii")

    def told(self) -> dict[str, float]:
        """The same as members of a JSON object, in seconds."""
        spent = {"queue": self.queue, "window": self.window, "compute": self.compute, "return": self.back}
        return {name: round(seconds, 5) for name, seconds in spent.items()} | {"batchSize": self.batch_size}


def stages(timing: Timing, elapsed: float) -> Stages:
    """The stages of a job whose outcome came `elapsed` seconds after it was admitted."""
    back = max(0.0, elapsed - timing.queue - timing.window - timing.compute)
    return Stages(timing.queue, timing.window, timing.compute, back, timing.batch_size)
