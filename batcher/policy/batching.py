"""When jobs board an in-flight engine, and when those that ended are told. Pure.

Rows join and leave at every step, but a trip for each would cost the broker more than it gives the card: they are
claimed and finished a few at a time. A card without jobs never waits for any of this.
"""

from __future__ import annotations

from dataclasses import replace

from broker.messages import Limits

PART = 8  # a claim is worth its trip from an eighth of the engine's room on, and so is a finish
STEPS = 2.0  # that jobs wait for company, before they are claimed and before they are finished
LEAST, MOST, MOST_TO_TELL = 0.005, 0.1, 0.03  # seconds; who is done should not wait long to be told


def room_beside(limits: Limits, *, capacity: int, jobs: int, tokens: int) -> Limits:
    """What a claim may bring beside so many jobs and tokens; `capacity`: jobs that the engine takes. An engine without
    jobs takes one, whatever it says."""
    size = min(limits.max_batch_size, capacity) - jobs
    least = 0 if jobs else 1
    return replace(
        limits,
        max_batch_size=max(size, least),
        max_batch_tokens=max(limits.max_batch_tokens - tokens, least),
    )


def is_worth_a_trip(room: Limits, limits: Limits, *, size: int) -> bool:
    """Whether an eighth of the jobs and of the tokens that the engine may hold has become free; `size`: those jobs,
    fewer than its limits say where it has made itself smaller."""
    has_jobs = PART * room.max_batch_size >= size
    return has_jobs and PART * room.max_batch_tokens >= limits.max_batch_tokens and room.max_batch_size > 0


def pause_after_claim(step: float) -> float:
    """Seconds until the next claim, while jobs are in flight; `step`: seconds that a step takes."""
    return min(max(STEPS * step, LEAST), MOST)


def pause_before_finish(step: float, *, jobs: int, stay: float) -> float:
    """Seconds that an ended job waits for others to end; none where none is expected: of `jobs` in flight that `stay`
    so many seconds each, it would take longer until the next one leaves. An unknown stay, 0.0, expects some."""
    pause = min(max(STEPS * step, LEAST), MOST_TO_TELL)
    return pause if jobs * pause >= stay else 0.0


def are_enough(ended: int, *, size: int) -> bool:
    """Whether so many ended jobs leave at once; `size`: jobs that the engine may hold."""
    return PART * ended >= size
