"""A job on its way through the engine, and the queue of those that have not joined yet. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from batcher.models.translation.inputs import TranslationInput
from broker.messages import Job

PATIENCE = 2  # steps that a job waits for company while others are decoded
SHARE = 8  # an eighth of the slots is company enough


@dataclass(slots=True, kw_only=True)
class Flight:
    """One job, how it is searched for, and how far it has come."""

    job: Job
    order: TranslationInput
    beams: int  # 1: greedy
    no_repeat: int = 0  # no n-gram of so many tokens twice
    may_cycle: bool = True  # False: a greedy search gives up where it says one phrase over and over
    steps: int = 0  # decoded
    waited: int = 0  # steps since it could have joined
    began: float = 0.0  # when it was first encoded, by the engine's clock; 0.0: not yet

    @property
    def tokens(self) -> int:
        """Of its source."""
        return len(self.order.source)

    def searches_again(self, *, beams: int, no_repeat: int) -> bool:
        """By so many beams at least, without n-grams that repeat; False where that was tried."""
        before = self.beams, self.no_repeat
        self.beams, self.no_repeat = max(self.beams, beams), min(self.no_repeat or no_repeat, no_repeat)
        return before != (self.beams, self.no_repeat)

    def start_over(self) -> None:
        """Nothing of it is in the card any more."""
        self.steps = self.waited = 0


class Scheduler:
    """Jobs that wait for a slot, oldest first. They join together: encoding one text costs nearly what eight cost."""

    def __init__(self) -> None:
        self._flights: deque[Flight] = deque()

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[Flight]:
        return iter(self._flights)

    def add(self, flights: Sequence[Flight]) -> None:
        self._flights.extend(flights)

    def put_back(self, flights: Sequence[Flight]) -> None:
        """To the head, in this order."""
        for flight in reversed(flights):
            flight.start_over()
            self._flights.appendleft(flight)

    def drop(self, ids: Collection[str]) -> None:
        self._flights = deque(flight for flight in self._flights if flight.job.id not in ids)

    def are_due(self, *, running: int, slots: int, budget: int) -> bool:
        """Whether it is time to let some join: nothing else runs, or they are enough, or one has waited long enough."""
        if not self._flights:
            return False
        return (
            running == 0
            or len(self._flights) * SHARE >= slots
            or sum(flight.tokens for flight in self._flights) >= budget
            or max(flight.waited for flight in self._flights) >= PATIENCE
        )

    def take(self, *, room: int, budget: int, fits: Callable[[Flight], bool]) -> list[Flight]:
        """The oldest that there is room for, within `budget` tokens but one at least; the others stay, in order."""
        taken: list[Flight] = []
        stay: deque[Flight] = deque()
        tokens = 0
        for flight in self._flights:
            within = not taken or tokens + flight.tokens <= budget
            if len(taken) < room and within and fits(flight):
                taken.append(flight)
                tokens += flight.tokens
            else:
                stay.append(flight)
        self._flights = stay
        return taken

    def a_step_went_by(self) -> None:
        for flight in self._flights:
            flight.waited += 1
