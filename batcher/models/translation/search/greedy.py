"""The most likely token at every step, one beam a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from batcher.models.translation.inputs import PROMPT
from batcher.models.translation.search.contract import Turn
from batcher.models.translation.search.topk import likeliest

NOISE = -1  # in place of a token


def never(pieces: Sequence[int]) -> bool:
    """No row is lost."""
    return False


@dataclass(slots=True, kw_only=True)
class _Row:
    limit: int  # tokens of the sequence, start and language included
    said: int = PROMPT  # tokens so far
    is_noise: bool = False  # its logits were no numbers
    pieces: list[int] = field(default_factory=list)


class GreedySearch:
    """Keeps `Search`. `is_lost(pieces)` tells of a row that need not go on, for it will not come to a good end."""

    def __init__(self, *, end: int, padding: int, is_lost: Callable[[Sequence[int]], bool] = never) -> None:
        self._end, self._padding, self._is_lost = end, padding, is_lost
        self._rows: dict[int, _Row] = {}

    def join(self, row: int, *, language: int, limit: int, no_repeat: int = 0) -> None:
        if no_repeat:
            raise ValueError("a greedy search repeats what it likes; beams can be told not to")
        self._rows[row] = _Row(limit=limit)

    def advance(self, rows: torch.Tensor, logits: torch.Tensor) -> Turn:
        tokens = likeliest(logits)
        best = logits.gather(1, tokens.unsqueeze(1)).squeeze(1)  # NaN where any is
        tokens = torch.where(best.isfinite(), tokens, NOISE)
        pairs = zip(rows.tolist(), tokens.tolist(), strict=True)
        ended = [place for place, (row, token) in enumerate(pairs) if self._ends(self._rows[row], token)]
        return Turn(tokens=tokens.clamp_(min=0), parents=None, ended=ended)

    def _ends(self, row: _Row, token: int) -> bool:
        """Whether the row ends with this token."""
        if token == NOISE:
            row.is_noise = True
            return True
        if token == self._end:
            return True
        row.said += 1
        if token != self._padding:
            row.pieces.append(token)
        return row.said >= row.limit or self._is_lost(row.pieces)

    def answer(self, row: int) -> list[int]:
        return self._rows[row].pieces

    def is_noise(self, row: int) -> bool:
        return self._rows[row].is_noise

    def is_cut(self, row: int) -> bool:
        return self._rows[row].said >= self._rows[row].limit  # an end is not said

    def move(self, source: int, target: int) -> None:
        self._rows[target] = self._rows.pop(source)
