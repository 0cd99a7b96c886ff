"""Where a request's time went, for `Server-Timing` and the metrics."""

from __future__ import annotations

from msgspec import Struct

from broker.messages import Timing

SPELLED = b'queue;dur=%.2f, window;dur=%.2f, compute;dur=%.2f, return;dur=%.2f, batch;desc="%d"'


class Stages(Struct, frozen=True):
    """Seconds a request's longest job spent in each stage; `back` is all that the batcher did not see."""

    queue: float
    window: float
    compute: float
    back: float
    batch_size: int

    def header(self) -> bytes:
        """As `Server-Timing` has it: milliseconds."""
        queue, window, compute, back = 1e3 * self.queue, 1e3 * self.window, 1e3 * self.compute, 1e3 * self.back
        return SPELLED % (queue, window, compute, back, self.batch_size)

    def told(self) -> dict[str, float]:
        """The same as members of a JSON object, in seconds."""
        spent = {"queue": self.queue, "window": self.window, "compute": self.compute, "return": self.back}
        return {name: round(seconds, 5) for name, seconds in spent.items()} | {"batchSize": self.batch_size}


def stages(timing: Timing, elapsed: float) -> Stages:
    """The stages of a job whose outcome came `elapsed` seconds after it was admitted."""
    back = max(0.0, elapsed - timing.total)
    return Stages(timing.queue, timing.window, timing.compute, back, timing.batch_size)
