"""The hypotheses of a beam search: how each running one came where it is, and the best of those that ended."""

from __future__ import annotations

import math

import torch

DEAD = -1e9  # the score of no hypothesis: far below all others, and still a number to add to


class History:
    """How each beam came where it is: at each step its token, and the beam it came from. Nothing is ever copied."""

    def __init__(self, slots: int, beams: int, longest: int) -> None:
        self._tokens = torch.zeros(slots, longest, beams, dtype=torch.int32)
        self._parents = torch.zeros(slots, longest, beams, dtype=torch.int32)
        self.state = (self._tokens, self._parents)

    def append(self, slots: torch.Tensor, pieces: torch.Tensor, parents: torch.Tensor, tokens: torch.Tensor) -> None:
        """The `pieces`-th step of these slots, [k, W] each."""
        self._tokens[slots, pieces - 1] = tokens.int()
        self._parents[slots, pieces - 1] = parents.int()

    def pieces(self, slot: int, count: int, beam: int) -> list[int]:
        """Those of a beam as it was after `count` of them, first to last."""
        tokens, parents = self._tokens[slot, :count].tolist(), self._parents[slot, :count].tolist()
        pieces = []
        for at in reversed(range(count)):
            pieces.append(tokens[at][beam])
            beam = parents[at][beam]
        return pieces[::-1]


class FinishedHypotheses:
    """The W best hypotheses of each slot that ended, best first."""

    def __init__(self, slots: int, beams: int) -> None:
        self._scores = torch.zeros(slots, beams)
        self._where = torch.zeros(slots, beams, 3, dtype=torch.int64)  # pieces, the beam before the last, the last
        self.state = (self._scores, self._where)

    def clear(self, slot: int, *, is_over: bool) -> None:
        """None so far; or no pieces at all, which nothing can beat."""
        self._scores[slot] = DEAD
        if is_over:
            self._scores[slot, 0], self._where[slot, 0] = math.inf, 0

    def add(
        self,
        slots: torch.Tensor,
        scores: torch.Tensor,
        pieces: torch.Tensor,
        parents: torch.Tensor,
        tokens: torch.Tensor,
    ) -> None:
        """Keep the best W of those here and the first W of these; scores [k, W]."""
        beams = scores.shape[1]
        if not (scores > DEAD).any():
            return
        where = torch.stack([pieces.unsqueeze(1).expand_as(tokens), parents, tokens], dim=-1)[:, :beams]
        self._scores[slots], best = torch.cat([self._scores[slots], scores], dim=1).topk(beams)
        both = torch.cat([self._where[slots], where], dim=1)
        self._where[slots] = both.gather(1, best.unsqueeze(-1).expand(-1, -1, 3))

    def worst(self, slots: torch.Tensor) -> torch.Tensor:
        """The score of the W-th; DEAD where there are fewer. [k]"""
        return self._scores[slots].amin(dim=1)

    def best(self, slot: int) -> tuple[int, int, int]:
        """Its pieces (the last of them included), the beam that it came from, its last token; zeros for none."""
        pieces, beam, token = self._where[slot, 0].tolist() if self._scores[slot, 0] > DEAD else (0, 0, 0)
        return pieces, beam, token
