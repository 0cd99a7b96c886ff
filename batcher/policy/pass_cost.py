"""What one more forward pass costs, in tokens: learned, since it is tens on a CPU and thousands on a fast card. Pure.

Fits `seconds = fixed + per_token * padded_tokens` to the passes seen lately; the answer is fixed / per_token.
"""

from __future__ import annotations

from batcher.policy.decayed_regression import DecayedRegression
from batcher.policy.packing import PASS_COST

MEMORY = 0.99  # weight that an older pass keeps with each newer one: about the last hundred count
ENOUGH = 8.0  # weight of passes seen, before the fit is believed
SPREAD = 0.2  # their sizes must differ by this share of the mean, or a line through them means nothing
TINY = 1e-12  # seconds a token
FAR = 4.0  # times as long as the tokens alone could explain: a cold pass, or one that was held up
LEAST, MOST = 8, 8192  # a pass is never free; and beyond this the padding would be the larger mistake


class PassCost:
    """What `pack` wants to know, from the passes seen so far."""

    def __init__(self) -> None:
        self._line = DecayedRegression(memory=MEMORY)
        self._tokens = PASS_COST

    @property
    def tokens(self) -> int:
        """The cost of a pass; a first guess until enough was seen."""
        return self._tokens

    def observe(self, padded_tokens: int, seconds: float) -> None:
        """A pass over this many padded tokens took so long."""
        if self._line.weight:
            seconds = self._believed(padded_tokens, seconds)
        self._line.observe(padded_tokens, seconds)
        if self._line.weight >= ENOUGH:
            self._fit()

    def _believed(self, padded_tokens: int, seconds: float) -> float:
        """Of a pass that was held up, what its tokens may take. One second of it says for hundreds of passes that short
        ones cost most. Where the first passes are seen to have been cold, they are forgotten."""
        mean, size = self._line.mean_y, padded_tokens / self._line.mean_x
        if self._line.weight < ENOUGH and seconds * FAR < mean * min(1.0, size):
            self._line = DecayedRegression(memory=MEMORY)
            return seconds
        return min(seconds, FAR * mean * max(1.0, size)) if mean else seconds

    def _fit(self) -> None:
        line = self._line
        if line.variance < (SPREAD * line.mean_x) ** 2 or not line.mean_y:
            return  # passes of one size: what was known before stays
        # Where tokens cost less than the noise the line may fall. Then a pass is all that counts: with the first guess
        # kept, a model that takes 10 ms whatever it is given would have its batches cut in four.
        slope = max(line.slope, TINY)
        fixed = line.mean_y - slope * line.mean_x
        self._tokens = round(min(max(fixed / slope, LEAST), MOST))
