"""Which sequences wait for a slot, and which of them join in the next step. Pure."""

from __future__ import annotations

from collections import abc, deque

from batcher.models.translation.sequence import Sequence

MOST_STEPS_WAITED = 2  # that a sequence waits for others to join with, while others are decoded
SHARE = 8  # an eighth of the slots need not wait for more


class Scheduler:
    """Waiting sequences, oldest first. They join together: encoding one text costs nearly what eight cost."""

    def __init__(self) -> None:
        self._waiting: deque[Sequence] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> abc.Iterator[Sequence]:
        return iter(self._waiting)

    def add(self, sequences: abc.Iterable[Sequence]) -> None:
        self._waiting.extend(sequences)

    def put_back(self, sequences: abc.Sequence[Sequence]) -> None:
        """To the head, in this order."""
        for sequence in reversed(sequences):
            sequence.start_over()
            self._waiting.appendleft(sequence)

    def drop(self, ids: abc.Collection[str]) -> None:
        self._waiting = deque(sequence for sequence in self._waiting if sequence.job.id not in ids)

    def schedule(
        self, *, running: int, slots: int, budget: int, fits: abc.Callable[[Sequence], bool]
    ) -> list[Sequence]:
        """Those that join now, taken out of the queue: none, unless it is time; else the oldest for which there is a
        slot, which are within a `budget` of source tokens, or one that alone is beyond it, and which `fits`."""
        if not self._is_due(running=running, slots=slots, budget=budget):
            return []
        taken: list[Sequence] = []
        left: deque[Sequence] = deque()
        tokens = 0
        for sequence in self._waiting:
            is_within = not taken or tokens + sequence.tokens <= budget
            if len(taken) < slots - running and is_within and fits(sequence):
                taken.append(sequence)
                tokens += sequence.tokens
            else:
                left.append(sequence)
        self._waiting = left
        return taken

    def count_step(self) -> None:
        """Those that wait have waited for one more step."""
        for sequence in self._waiting:
            sequence.steps_waited += 1

    def _is_due(self, *, running: int, slots: int, budget: int) -> bool:
        """Whether nothing else runs, or enough wait, or one has waited long enough."""
        return bool(self._waiting) and (
            running == 0
            or len(self._waiting) * SHARE >= slots
            or sum(sequence.tokens for sequence in self._waiting) >= budget
            or max(sequence.steps_waited for sequence in self._waiting) >= MOST_STEPS_WAITED
        )
