"""What one more forward pass costs, in tokens: learned, since it is tens on a CPU and thousands on a fast card. Pure.

Fits `seconds = fixed + per_token * padded_tokens` to the passes seen lately; the answer is fixed / per_token.
"""

from __future__ import annotations

from batcher.packing import PASS_COST

MEMORY = 0.99  # weight that an older pass keeps with each newer one: about the last hundred count
ENOUGH = 16.0  # weight of passes seen, before the fit is believed
SPREAD = 0.2  # their sizes must differ by this share of the mean, or a line through them means nothing
LEAST, MOST = 8, 8192  # a pass is never free; and beyond this the padding would be the larger mistake


class PassCost:
    def __init__(self) -> None:
        self._weight = self._x = self._y = self._xx = self._xy = 0.0
        self._tokens = PASS_COST

    @property
    def tokens(self) -> int:
        """The cost of a pass, as `pack` wants it; a first guess until enough was seen."""
        return self._tokens

    def observe(self, padded_tokens: int, seconds: float) -> None:
        """A pass over this many padded tokens took so long."""
        self._weight = MEMORY * self._weight + 1.0
        self._x = MEMORY * self._x + padded_tokens
        self._y = MEMORY * self._y + seconds
        self._xx = MEMORY * self._xx + padded_tokens * padded_tokens
        self._xy = MEMORY * self._xy + padded_tokens * seconds
        if self._weight >= ENOUGH:
            self._fit()

    def _fit(self) -> None:
        mean_x, mean_y = self._x / self._weight, self._y / self._weight
        variance = self._xx / self._weight - mean_x * mean_x
        per_token = (self._xy / self._weight - mean_x * mean_y) / variance if variance > 0.0 else 0.0
        if variance < (SPREAD * mean_x) ** 2 or per_token <= 0.0:
            return  # passes of one size, or noise: what was known before stays
        fixed = mean_y - per_token * mean_x
        self._tokens = round(min(max(fixed / per_token, LEAST), MOST))
