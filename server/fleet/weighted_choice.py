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


Anything = TypeVar("Anything")
Kind = TypeVar("Kind", bound=HasRoom)


def choose(revisions: Sequence[Kind], turn: int) -> Kind:
    """The revision for request number `turn`. Not drawn at random: multiples of the golden ratio spread evenly over any
    shares, so that a few requests are shared out right too, without any state."""
    return by_room(revisions, turn * GOLDEN % 1.0)


def by_room(revisions: Sequence[Kind], at: float) -> Kind:
    """The revision at this point of a line from 0 to 1, of which each has a piece as long as its room."""
    return lying_at(at, revisions, [one.room for one in revisions])


def lying_at(at: float, pieces: Sequence[Anything], lengths: Sequence[int]) -> Anything:
    """Of pieces that lie along a line, the one at this part of its length: 0.0 to 1.0."""
    left = at * sum(lengths)
    for piece, length in zip(pieces[:-1], lengths, strict=False):
        left -= length
        if left < 0.0:
            return piece
    return pieces[-1]
