"""What a search promises: it keeps what each row has said, and chooses how each goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How k rows of w beams go on, each beside the others of its row."""

    tokens: torch.Tensor  # int64 [k · w]
    parents: torch.Tensor | None  # int64 [k · w]: the beam of the same row that each continues; None: itself
    ended: Sequence[int]  # members of 0 … k - 1 whose search is over


class Search(Protocol):
    """The rows of one pool, 0 … n - 1. Each begins after its start and its language."""

    def join(self, row: int, *, language: int, limit: int, no_repeat: int = 0) -> None:
        """A job takes this row. `limit`: tokens of its sequence, start and language included; `no_repeat`: the n of the
        n-grams that must not come twice, 0 for none."""
        ...

    def advance(self, rows: torch.Tensor, logits: torch.Tensor) -> Turn:
        """One token for each beam of `rows`, int64 [k], from `logits`, float [k · w, vocabulary]."""
        ...

    def answer(self, row: int) -> list[int]:
        """The pieces that this row, which has ended, came to: without start, language and end."""
        ...

    def is_noise(self, row: int) -> bool:
        """Whether some logits of this row were no numbers: it ends there, and what it came to is no answer."""
        ...

    def is_cut(self, row: int) -> bool:
        """Whether this row, which has ended, came to its limit before its end."""
        ...

    def move(self, source: int, target: int) -> None:
        """What was in row `source` is in row `target` from now on."""
        ...
