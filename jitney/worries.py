"""What in an overview somebody should look at. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from broker.overview import BatcherOverview, ModelOverview, Overview

STALE = 3.0  # seconds after its expiry in which a live batcher takes a lease back
START = "start a batcher for it: python -m batcher --model SPEC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worry:
    """One thing, and what helps. A serious one leaves callers without an answer."""

    about: str
    said: str
    remedy: str
    is_serious: bool = True


def worries(overview: Overview) -> list[Worry]:
    """None when all is well; serious ones first."""
    found = [worry for model in overview.models for worry in _of_model(model)]
    found += [_unreadable(entry) for entry in overview.unreadable]
    found += [_silent(one) for one in overview.batchers if not one.is_live]
    found += _unseen(overview)
    return sorted(found, key=lambda worry: not worry.is_serious)


def _silent(one: BatcherOverview) -> Worry:
    said, remedy = f"its last beat was {one.beat_age:.1f} s ago", "see whether it runs; it is forgotten after 30 s"
    if one.beat_age < 0:
        said = f"its last beat is stamped {-one.beat_age:.1f} s in the future, so front ends do not count on it"
        remedy = "its next beat mends this if the broker's clock was set back; else find what writes to the registry"
    return Worry(about=f"batcher {one.presence.batcher}", said=said, remedy=remedy, is_serious=False)


def _unseen(overview: Overview) -> Iterator[Worry]:
    if overview.left_out:
        said = f"{overview.left_out} more have keys here and are not shown"
        remedy = "these are very many: find what writes to this namespace"
        yield Worry(about="models", said=said, remedy=remedy, is_serious=False)
    if not overview.is_complete:
        said = "this server holds very many keys: models that nobody announces may be missing here"
        remedy = "give Jitney a server of its own; jitney dead list looks through all keys"
        yield Worry(about="models", said=said, remedy=remedy, is_serious=False)


def _unreadable(entry: str) -> Worry:
    return Worry(
        about=entry,
        said="its entry in the registry cannot be read",
        remedy="restart its batcher; an entry of nobody's is removed after 30 s",
    )


def _of_model(model: ModelOverview) -> Iterator[Worry]:
    about = f"model {model.key}"
    if model.waiting and not model.batchers:
        yield Worry(about=about, said=f"{model.waiting} jobs wait and no batcher serves them", remedy=START)
    elif model.card is not None and not model.batchers:
        said = "no batcher serves it; front ends answer 503"
        yield Worry(about=about, said=said, remedy=START, is_serious=False)
    if model.leases.batches and model.leases.soonest_expiry < -STALE:
        said = f"a lease ended {-model.leases.soonest_expiry:.0f} s ago and nobody has taken its jobs back"
        yield Worry(about=about, said=said, remedy=START + "; it does so within two seconds")
    if any(lane.jobs < 0 or lane.tokens < 0 for lane in model.lanes) or min(model.suspects, model.dead) < 0:
        remedy = "something else writes to this namespace: find it, and delete the keys of a wrong type"
        yield Worry(about=about, said="a key of its queue holds something else", remedy=remedy)
    if model.dead > 0:
        said = f"{model.dead} dead letter{'s' if model.dead > 1 else ''}: jobs that crashed a batcher three times"
        remedy = "jitney dead list shows them, jitney dead drop forgets them"
        yield Worry(about=about, said=said, remedy=remedy, is_serious=False)
