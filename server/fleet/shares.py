"""Which revision answers a request whose model's traffic an operator has shared out. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol, TypeVar

from broker.messages import ModelCard, Traffic
from server.fleet.weighted_choice import GOLDEN, HasRoom, by_room, lying_at

SILVER = 2**0.5 - 1  # beside the golden ratio: the multiples of both spread evenly over a square
DIGITS = 8  # bytes of a hash that make a number


class Revision(HasRoom, Protocol):
    @property
    def card(self) -> ModelCard: ...


Kind = TypeVar("Kind", bound=Revision)


class Place(NamedTuple):
    """Of a request or a caller: two numbers from 0 to 1, neither of which says anything about the other."""

    along: float  # the line of shares
    beside: float  # among those who share what is left


def place_of_turn(turn: int) -> Place:
    """Of request number `turn`: a few requests are shared out right too."""
    return Place(turn * GOLDEN % 1.0, turn * SILVER % 1.0)


def place_of_caller(model: str, caller: str) -> Place:
    """Always the same, at every front end. Another one for each model, so that nobody is the first to try them all."""
    digest = hashlib.blake2b(f"{model} {caller}".encode(), digest_size=2 * DIGITS).digest()
    numbers = digest[:DIGITS], digest[DIGITS:]
    along, beside = (int.from_bytes(number, "big") / (1 << 8 * DIGITS) for number in numbers)
    return Place(min(along, 1 - 2**-53), min(beside, 1 - 2**-53))


def choose_shared(revisions: Sequence[Kind], traffic: Traffic, place: Place) -> Kind:
    """The one whose share this place lies in. A share whose revision does not live, and what is left, go to those that
    have none, by their room; where no such one lives, to those that have some, by their shares."""
    spans = traffic.spans
    owner = lying_at(place.along, spans, [span.parts for span in spans]).revision
    return next((one for one in revisions if one.card.revision == owner), None) or _of_others(revisions, traffic, place)


def _of_others(revisions: Sequence[Kind], traffic: Traffic, place: Place) -> Kind:
    shares = traffic.shares
    if others := [one for one in revisions if one.card.revision not in shares]:
        return by_room(others, place.beside)
    sharing = [one for one in revisions if shares[one.card.revision]]
    if sharing:
        return lying_at(place.beside, sharing, [shares[one.card.revision] for one in sharing])
    return by_room(revisions, place.beside)


def overflow(revisions: Sequence[Kind], traffic: Traffic, full: Collection[str], turn: int) -> Kind | None:
    """Who gets what these revisions cannot take: another one by its room, unless it is to have nothing."""
    shares = traffic.shares
    others = [one for one in revisions if one.card.revision not in full and shares.get(one.card.revision, 1)]
    return by_room(others, place_of_turn(turn).along) if others else None
