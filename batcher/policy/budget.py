"""What a card's memory has taught: halved when a forward group did not fit, grown back slowly. Pure."""

from __future__ import annotations

CALM_BATCHES = 16  # batches that fit, before the budget grows one step
STEPS = 32  # steps from nothing back to what the operator allows


class TokenBudget:
    """Padded tokens that one forward group may hold: what the operator allows, or what the card was seen to hold."""

    def __init__(self) -> None:
        self._learned: int | None = None
        self._calm = 0  # batches since something did not fit

    def within(self, allowed: int) -> int:
        """The budget now; never above `allowed`."""
        return allowed if self._learned is None else min(allowed, self._learned)

    def did_not_fit(self, padded_tokens: int) -> None:
        """A forward group of several jobs and this many padded tokens ran out of memory."""
        self._learned = max(1, padded_tokens // 2)
        self._calm = 0

    def did_fit(self, allowed: int) -> None:
        """A whole batch went through without a memory error."""
        if self._learned is None:
            return
        self._calm += 1
        if self._calm % CALM_BATCHES == 0:
            grown = self._learned + max(1, allowed // STEPS)
            self._learned = grown if grown < allowed else None
