"""The revisions of a model beside the shares that they are given: who lives, and what their batchers carry. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.admin.overview import Overview
from broker.messages import WHOLE, Presence

HALF = 0.5  # a canary may have as many batchers as all others: what is left for these is told of beyond that
NEARLY = 0.9  # of what all can carry: less is a bound that load would meet, and speeds are not measured more exactly


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One revision."""

    revision: str
    parts: int | None  # of its model's requests; None: it has no share of its own
    batchers: int = 0  # live ones
    rate: float = 0.0  # jobs a second, all its batchers together; 0.0: nobody knows

    @property
    def share(self) -> float | None:
        return None if self.parts is None else self.parts / WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Burden:
    """A share that is more than its batchers carry when all of the model's have as much to do as they can; or what is
    left, for those that have no share."""

    revisions: Sequence[str]  # one that has a share, or all that share what is left
    parts: int  # of the requests
    rate: float  # jobs a second that they carry
    most: float  # jobs a second, of all the model's, at which that revision is full
    total: float  # jobs a second that all revisions carry


def sides(seen: Overview, name: str) -> list[Side]:
    """Of the model of this name: those with a share, as they were given, then the other live ones."""
    shares = seen.traffic[name].shares if name in seen.traffic else {}
    announced = [model.card.revision for model in seen.models if model.card is not None and model.card.name == name]
    found = [_side(seen, name, revision, shares.get(revision)) for revision in dict.fromkeys([*shares, *announced])]
    return [one for one in found if one.batchers or one.parts is not None]


def burdens(seen: Overview, name: str) -> Iterator[Burden]:
    """None where a speed is not known: nothing is said of what was not measured."""
    live = [one for one in sides(seen, name) if one.batchers and one.parts != 0]
    if any(not one.rate for one in live):
        return
    total = sum(one.rate for one in live)
    for some, parts, enough in _given(live):
        rate = sum(one.rate for one in some)
        most = rate * WHOLE / parts if parts else total
        if most < enough * total:
            yield Burden(revisions=[one.revision for one in some], parts=parts, rate=rate, most=most, total=total)


def _given(live: Sequence[Side]) -> Iterator[tuple[Sequence[Side], int, float]]:
    """Who gets how many parts of the requests: what is left of them too, and those of revisions that do not live. And
    the part of what all carry at which these may be full."""
    sharing, by_room = [one for one in live if one.parts], [one for one in live if one.parts is None]
    given = sum(one.parts or 0 for one in sharing)
    for one in sharing:
        yield [one], (one.parts or 0) * WHOLE // (WHOLE if by_room else given), NEARLY
    if by_room:
        yield by_room, WHOLE - given, HALF


def _side(seen: Overview, name: str, revision: str, parts: int | None) -> Side:
    key = f"{name}@{revision}"
    live = [one.presence for one in seen.batchers if one.is_live and one.presence.model == key]
    rates = [_rate(one) for one in live]
    rate = sum(rates) if all(rates) else 0.0
    return Side(revision=revision, parts=parts, batchers=len(live), rate=rate)


def _rate(one: Presence) -> float:
    """Jobs a second in full batches."""
    seconds = one.speed.fixed + one.speed.per_job * one.room
    return one.room / seconds if seconds > 0.0 else 0.0
