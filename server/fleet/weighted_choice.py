"""Which of a model's live revisions answers a request: each in proportion to the room of its batchers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

GOLDEN = (5**0.5 - 1) / 2


class HasRoom(Protocol):
    @property
    def room(self) -> int:
        """Jobs that its batchers take at once."""
        ...


Kind = TypeVar("Kind", bound=HasRoom)


def choose(revisions: Sequence[Kind], turn: int) -> Kind:
    """The revision for request number `turn`. Not drawn at random: multiples of the golden ratio spread evenly over any
    shares, so that a few requests are shared out right too, without any state."""
    at = turn * GOLDEN % 1.0 * sum(one.room for one in revisions)
    for one in revisions[:-1]:
        at -= one.room
        if at < 0.0:
            return one
    return revisions[-1]
