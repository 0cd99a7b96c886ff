"""What a search promises: it keeps the hypotheses of each slot, and chooses their next tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchStep:
    """How k slots of W beams go on, each beam beside the others of its slot."""

    tokens: torch.Tensor  # int64 [k · W], on the CPU or where the logits are
    parents: torch.Tensor | None  # int64 [k · W], on the CPU: the beam of its slot that each continues; None: itself
    ended: Sequence[int]  # members of 0 … k - 1 whose search is over


class Search(Protocol):
    """For the jobs in slots 0 … n - 1 of one cache. Each begins after its start and its language."""

    def join(self, slot: int, *, language: int, limit: int, no_repeat: int = 0) -> None:
        """A job takes this slot. `limit`: tokens of its answer, start and language included; `no_repeat`: the n of the
        n-grams that must not come twice, 0 for none."""
        ...

    def step(self, slots: Sequence[int], logits: torch.Tensor) -> SearchStep:
        """One token for each beam of these k slots, distinct, from `logits`, float [k · W, vocabulary], which may
        be changed in place."""
        ...

    def answer(self, slot: int) -> list[int]:
        """The pieces that this slot, which has ended, came to: without start, language and end."""
        ...

    def is_finite(self, slot: int) -> bool:
        """Whether all logits of this slot were numbers; where not, it has ended, and what it came to is no answer."""
        ...

    def is_truncated(self, slot: int) -> bool:
        """Whether this slot, which has ended, reached its limit before its end."""
        ...

    def move(self, source: int, target: int) -> None:
        """What was in slot `source` is in slot `target` from now on."""
        ...
