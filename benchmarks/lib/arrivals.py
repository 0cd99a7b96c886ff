"""When requests are due. Pure, and the same again for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

KINDS = ("poisson", "counted", "constant", "burst")


def schedule(
    rate: float, seconds: float, kind: str, seed: int = 0, *, burst_on: float = 1.0, burst_off: float = 1.0
) -> Iterator[float]:
    """Seconds from the start at which each request is due, `rate` a second, all below `seconds`.

    `constant` leaves the same gap between any two. `poisson` draws every gap anew, as callers who know nothing of each
    other do: often none, sometimes a crowd. `counted` does so too, but just as many as `rate` says come in all, where
    chance would make it some more or fewer: two rates are told apart sooner. `burst` is poisson for `burst_on` seconds
    and nothing for `burst_off`, in turns, so dense that `rate` is the mean of both.
    """
    if kind == "counted":
        yield from _counted(rate, seconds, seed)
        return
    if kind == "burst":
        yield from _bursts(rate, seconds, seed, burst_on, burst_off)
        return
    draw = random.Random(seed)
    due, number = draw.expovariate(rate) if kind == "poisson" else 0.0, 0
    while due < seconds:
        yield due
        number += 1
        due = due + draw.expovariate(rate) if kind == "poisson" else number / rate


def _counted(rate: float, seconds: float, seed: int) -> list[float]:
    """Where their number is given, the times of Poisson arrivals are independent and uniform."""
    draw = random.Random(seed)
    return sorted(seconds * draw.random() for _ in range(round(rate * seconds)))


def _bursts(rate: float, seconds: float, seed: int, on: float, off: float) -> Iterator[float]:
    """Poisson arrivals on a clock that stands still between the bursts."""
    for busy in schedule(rate * (on + off) / on, seconds, "poisson", seed):
        due = busy + busy // on * off
        if due >= seconds:
            return
        yield due
