"""The most likely token at every step, one beam a slot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from batcher.models.translation.inputs import PROMPT_TOKENS
from batcher.models.translation.search.contract import SearchStep
from batcher.models.translation.search.topk import argmax

NOT_FINITE = -1  # in place of a token


def never(pieces: Sequence[int]) -> bool:
    """No search gives up."""
    return False


@dataclass(slots=True, kw_only=True)
class _Slot:
    limit: int  # tokens of the answer, start and language included
    tokens: int = PROMPT_TOKENS  # so far
    is_finite: bool = True
    pieces: list[int] = field(default_factory=list)


class GreedySearch:
    """Keeps `Search`. `gives_up(pieces)`: whether a search ends here because no good answer would come of it."""

    def __init__(self, *, end: int, padding: int, gives_up: Callable[[Sequence[int]], bool] = never) -> None:
        self._end, self._padding, self._gives_up = end, padding, gives_up
        self._slots: dict[int, _Slot] = {}

    def join(self, slot: int, *, language: int, limit: int, no_repeat: int = 0) -> None:
        if no_repeat:
            raise ValueError("a greedy search repeats what it likes; beams can be told not to")
        self._slots[slot] = _Slot(limit=limit)

    def step(self, slots: Sequence[int], logits: torch.Tensor) -> SearchStep:
        tokens = argmax(logits)
        best = logits.gather(1, tokens.unsqueeze(1)).squeeze(1)  # NaN where any is
        tokens = torch.where(best.isfinite(), tokens, NOT_FINITE)
        pairs = zip(slots, tokens.tolist(), strict=True)
        ended = [place for place, (slot, token) in enumerate(pairs) if self._ends(self._slots[slot], token)]
        return SearchStep(tokens=tokens.clamp_(min=0), parents=None, ended=ended)

    def _ends(self, slot: _Slot, token: int) -> bool:
        """Whether the search of this slot ends with this token."""
        if token == NOT_FINITE:
            slot.is_finite = False
            return True
        if token == self._end:
            return True
        slot.tokens += 1
        if token != self._padding:
            slot.pieces.append(token)
        return slot.tokens >= slot.limit or self._gives_up(slot.pieces)

    def answer(self, slot: int) -> list[int]:
        return self._slots[slot].pieces

    def is_finite(self, slot: int) -> bool:
        return self._slots[slot].is_finite

    def is_truncated(self, slot: int) -> bool:
        return self._slots[slot].tokens >= self._slots[slot].limit  # an end is not counted

    def move(self, source: int, target: int) -> None:
        self._slots[target] = self._slots.pop(source)
