"""When a batch closes. Pure: no Redis, no sleeping, no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass

from broker.messages import Depth, Limits

LOOK, CLAIM = 1.0, 2.0  # broker round trips that a staged batch needs before the card comes free
TIMER_GRAIN = 0.002  # seconds: event loops keep time in whole milliseconds, and round up


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Opens with its first job. Policy `fixed` holds it open for `max_wait`; `adaptive` for callers that were just
    answered and are measured to come back (`gathering/`), and never for a lone job.

    While the card is busy a window costs nothing, so under both policies the batch grows until the card comes free.
    """

    limits: Limits
    opened_at: float

    @property
    def closes_at(self) -> float:
        """Seconds, on the clock that gave `opened_at`."""
        return self.opened_at + (self.limits.max_wait if self.limits.policy == "fixed" else 0.0)

    def is_open(self, now: float, depth: Depth) -> bool:
        """Whether waiting longer may bring company: there is time, and room in jobs and tokens."""
        return now < self.closes_at and not self.is_full(depth)

    def is_full(self, depth: Depth) -> bool:
        """Whether no more would fit."""
        return depth.jobs >= self.limits.max_batch_size or depth.tokens >= self.limits.max_batch_tokens

    def time_left(self, now: float) -> float:
        """Seconds until it closes by itself."""
        return max(0.0, self.closes_at - now)


def time_to_stage(predicted_end: float, trip: float, now: float, *, early: bool) -> float:
    """Seconds until the next batch should be claimed: as late as the card allows, so that the backlog stays shared and
    whoever comes until then is among them. `early`: a trip sooner, for a look at the queue before the claim."""
    trips = LOOK + CLAIM if early else CLAIM
    return max(0.0, predicted_end - max(trips * trip, TIMER_GRAIN) - now)


def closing_reason(claimed: str, *, staged: bool, gathered: bool, limits: Limits) -> str:
    """Which knob closed this batch: size, tokens, bytes, suspects, busy (the card came free), window, gathered (callers
    that were just answered had the time to come back) or idle."""
    if claimed in ("size", "tokens", "bytes", "suspects"):
        return claimed
    if staged:
        return "busy"
    if limits.policy == "fixed":
        return "window"
    return "gathered" if gathered else "idle"
