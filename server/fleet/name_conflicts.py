"""Who has a name when cards of two tasks claim it, and which models look like revisions of one but differ. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.messages import Announcement, ModelCard

# Fields that two revisions of one model rarely differ in.
IDENTIFYING = ("task", "codec", "artifacts", "labels", "languages", "max_cost")


def split_by_owner(announcements: Sequence[Announcement]) -> tuple[list[Announcement], list[Announcement]]:
    """Those that have their name, and those turned away. A name is of the task whose card was announced first, until
    the broker prunes that card: otherwise each restart of a batcher would change what stands behind the name."""
    owners: dict[str, str] = {}
    for one in sorted(announcements, key=lambda one: (one.announced, one.card.key)):
        owners.setdefault(one.card.name, one.card.task)
    kept = [one for one in announcements if owners[one.card.name] == one.card.task]
    return kept, [one for one in announcements if owners[one.card.name] != one.card.task]


def rivals(announcements: Sequence[Announcement]) -> dict[str, tuple[ModelCard, ...]]:
    """By name: the cards with batchers where there are several, the first announced in front."""
    found: dict[str, list[ModelCard]] = {}
    for one in sorted(announcements, key=lambda one: (one.announced, one.card.key)):
        if one.batchers:
            found.setdefault(one.card.name, []).append(one.card)
    return {name: tuple(cards) for name, cards in found.items() if len(cards) > 1}


def differences(cards: Sequence[ModelCard]) -> list[str]:
    """In which fields these cards differ that revisions of one model rarely differ in."""
    return [name for name in IDENTIFYING if len({_plain(getattr(card, name)) for card in cards}) > 1]


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return tuple(sorted(value.items()))
    return value if isinstance(value, str | int) else tuple(value)  # type: ignore[arg-type]  # a list of texts
