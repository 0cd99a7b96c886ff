"""How long to look for the guilty in a batch whose forwards raise. Pure: counts forwards, cuts groups in half."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Bisection:
    """One batch's search.

    A guilty job among n is alone after ⌈log₂ n⌉ halvings, and by then another half has been answered. Twice that and
    two more forwards without one answer therefore mean that the model is broken, not the inputs.
    """

    def __init__(self, jobs: int) -> None:
        self._patience = 2 * (jobs - 1).bit_length() + 2  # bit_length of n - 1 is ⌈log₂ n⌉
        self._failed = 0
        self._answered = False

    def answered(self) -> None:
        """A forward gave outputs: from now on every job is tried until it is alone."""
        self._answered = True

    def failed(self) -> None:
        """A forward failed, and not because an input was found to be invalid."""
        self._failed += 1

    def is_hopeless(self) -> bool:
        """So many forwards, all failed: the rest of the batch would fail too."""
        return not self._answered and self._failed >= self._patience


def halves(group: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item]]:
    """Two parts of a group of two or more, neither empty."""
    middle = len(group) // 2
    return group[:middle], group[middle:]
