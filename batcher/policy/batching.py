"""What differs between batch by batch and in flight: when to claim, how long to gather, how speed is learned. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from msgspec import Struct

from batcher.policy.in_flight_speed import InFlightSpeed
from batcher.policy.speed import SpeedFit
from broker.messages import Limits

PART = 8  # a claim is worth its trip from an eighth of the engine's room on, and so is a finish
STEPS = 2.0  # that jobs wait for company, before they are claimed and before they are finished
LEAST, MOST, MOST_TO_FINISH = 0.005, 0.1, 0.03  # seconds; who is done should not wait long to be told


class Held(Struct, frozen=True, kw_only=True):
    """What a card holds of the broker's."""

    leases: int = 0
    jobs: int = 0  # that have not ended
    tokens: int = 0  # of these
    ended: int = 0  # outcomes that nobody was told yet


class Batching:
    """For a model that computes a batch in one go: one runs, one more waits behind it, and what has ended leaves.

    `size`: jobs that the engine may hold, fewer than its limits say where it has made itself smaller; `step`: seconds
    that a step takes. A card that holds nothing always claims, and never waits for any of this.
    """

    joins = False  # whether jobs join those that run

    def __init__(self, speed: SpeedFit | None = None) -> None:
        self.speed = speed or SpeedFit()

    def room(self, limits: Limits, held: Held, *, size: int) -> Limits:
        """What a claim may bring."""
        return limits

    def may_claim(self, limits: Limits, held: Held, *, size: int) -> bool:
        """Whether to claim more beside what is held."""
        return held.leases == 1 and held.jobs > 0

    def fits(self, tokens: int, limits: Limits, held: Held) -> bool:
        """Whether claimed jobs of so many tokens may be handed to the engine now."""
        return True

    def pause_after_claim(self, step: float) -> float:
        """Seconds until the next claim."""
        return 0.0

    def pause_before_finish(self, step: float, held: Held) -> float:
        """Seconds that an ended job waits for others to end."""
        return 0.0

    def are_enough(self, held: Held, *, size: int) -> bool:
        """Whether those that have ended leave at once."""
        return True

    def learn(self, jobs: int, step: float, *, stays: Iterable[int], has_failures: bool) -> None:
        """Steps of so many jobs took so long; `stays`: the steps of each job that left with a result."""
        if not has_failures:  # the search for a cause takes passes that others do not
            self.speed.observe(jobs, step)


class InFlightBatching(Batching):
    """For an engine whose jobs join and leave between steps (Orca, Yu et al. 2022).

    A trip for each would cost the broker more than it gives the card: they are claimed and finished a few at a time.
    """

    joins = True

    def __init__(self) -> None:
        self._stay = InFlightSpeed()
        super().__init__(self._stay)

    def room(self, limits: Limits, held: Held, *, size: int) -> Limits:
        least = 0 if held.jobs else 1  # an engine without jobs takes one, whatever its size
        return replace(
            limits,
            max_batch_size=max(size - held.jobs, least),
            max_batch_tokens=max(limits.max_batch_tokens - held.tokens, least),
        )

    def may_claim(self, limits: Limits, held: Held, *, size: int) -> bool:
        """An eighth of the jobs and of the tokens that the engine may hold has become free."""
        room = self.room(limits, held, size=size)
        has_jobs = room.max_batch_size > 0 and PART * room.max_batch_size >= size
        return has_jobs and PART * room.max_batch_tokens >= limits.max_batch_tokens

    def fits(self, tokens: int, limits: Limits, held: Held) -> bool:
        """A job larger than the room was claimed alone: it waits until it has room, or all to itself."""
        return held.tokens + tokens <= limits.max_batch_tokens or not held.jobs

    def pause_after_claim(self, step: float) -> float:
        return min(max(STEPS * step, LEAST), MOST)

    def pause_before_finish(self, step: float, held: Held) -> float:
        """None where nobody is expected: of jobs in flight that stay so many seconds each, it would take longer until
        the next one leaves. While nobody knows how long they stay, some are expected."""
        pause = min(max(STEPS * step, LEAST), MOST_TO_FINISH)
        return pause if held.jobs * pause >= self.speed.predict(held.jobs) else 0.0

    def are_enough(self, held: Held, *, size: int) -> bool:
        """An eighth of what the engine may hold; or all of it."""
        return PART * held.ended >= size or not held.jobs

    def learn(self, jobs: int, step: float, *, stays: Iterable[int], has_failures: bool) -> None:
        self._stay.observe(jobs, step)
        for steps in stays:
            self._stay.left(steps)
