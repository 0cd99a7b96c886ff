"""When requests are due. Pure, and the same again for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

KINDS = ("poisson", "constant")


def schedule(rate: float, seconds: float, kind: str, seed: int = 0) -> Iterator[float]:
    """Seconds from the start at which each request is due, `rate` a second, all below `seconds`.

    `constant` leaves the same gap between any two. `poisson` draws every gap anew, as callers who know nothing of each
    other do: often none, sometimes a crowd.
    """
    draw = random.Random(seed)
    due, number = draw.expovariate(rate) if kind == "poisson" else 0.0, 0
    while due < seconds:
        yield due
        number += 1
        due = due + draw.expovariate(rate) if kind == "poisson" else number / rate
