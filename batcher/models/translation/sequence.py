"""One job on its way through the engine."""

from __future__ import annotations

from dataclasses import dataclass

from batcher.models.translation.inputs import TranslationInput
from broker.messages import Job


@dataclass(slots=True, kw_only=True, eq=False)
class Sequence:
    """How a job is searched for, and how far it has come."""

    job: Job
    input: TranslationInput
    beams: int  # 1: greedy
    no_repeat: int = 0  # no n-gram of so many tokens twice; 0: any
    may_cycle: bool = True  # False: a greedy search gives up where it says one phrase over and over
    steps: int = 0  # decoded
    steps_waited: int = 0  # since it could have joined
    started_at: float = 0.0  # when it was first encoded, by the engine's clock; 0.0: not yet

    @property
    def tokens(self) -> int:
        """Of its source."""
        return len(self.input.source)

    def search_again(self, *, beams: int, no_repeat: int) -> bool:
        """By so many beams at least, without n-grams that repeat; False where that was tried."""
        before = self.beams, self.no_repeat
        self.beams, self.no_repeat = max(self.beams, beams), min(self.no_repeat or no_repeat, no_repeat)
        return before != (self.beams, self.no_repeat)

    def start_over(self) -> None:
        """Nothing of it is in the cache any more."""
        self.steps = self.steps_waited = 0
