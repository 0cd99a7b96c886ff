"""The revisions of a model beside the shares that they are given: who lives, and what their batchers carry. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from broker.admin.overview import Overview
from broker.messages import WHOLE, Presence

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
    """A share that is more than its batchers carry when all of the model's have as much to do as they can."""

    side: Side
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
    for side in live:
        most = side.rate / side.share if side.share else total
        if most < NEARLY * total:
            yield Burden(side=side, most=most, total=total)


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
