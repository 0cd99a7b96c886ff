"""Whose turn it is among the lists of a lane: deficit round robin, in parts of a batch, as DRAIN has it.

M. Shreedhar and G. Varghese, Efficient Fair Queuing Using Deficit Round Robin, SIGCOMM 1995.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from broker.contract import LISTS
from broker.messages import Job


@dataclass(slots=True)
class Turns:
    """Of one lane: what each list may still take, and which is next."""

    next_list: int = 0
    deficits: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    weights: dict[int, int] = field(default_factory=dict)  # as the last admission of each list said

    def order(self, lists: Iterable[int]) -> list[int]:
        """Those that hold jobs, the one whose turn it is first. A list without jobs saves nothing up."""
        waiting = sorted(lists, key=lambda number: (number - self.next_list) % LISTS)
        self.deficits = defaultdict(float, {number: self.deficits[number] for number in waiting})
        return waiting

    def quanta(self, lists: Iterable[int]) -> dict[int, float]:
        """What a turn of each is worth: together they are a batch."""
        weights = {number: self.weights.get(number, 1) for number in lists}
        return {number: weight / sum(weights.values()) for number, weight in weights.items()}

    def jobs_ahead(self, own: int, waiting: Iterable[Job], weight: int, more: int) -> int:
        """How many of these end before the last of so many that join this list now."""
        lists = by_list(waiting)
        others = sum(self.weights.get(number, 1) for number in lists if number != own)
        mine = len(lists.get(own, ()))
        return min(sum(map(len, lists.values())), mine - (-(mine + more) * others // weight))


def by_list(jobs: Iterable[Job]) -> dict[int, deque[Job]]:
    found: defaultdict[int, deque[Job]] = defaultdict(deque)
    for job in jobs:
        found[job.list].append(job)
    return found
