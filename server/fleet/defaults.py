"""Which model answers for a task when a request names none. Pure.

The one that was announced first, and it stays that one: another model's vectors or labels look the same and mean
something else. The broker keeps the choice, so every front end has the same, also after a restart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from broker.messages import Announcement
from broker.settings import NAME

PAIR = re.compile(rf"\s*([^=,\s]+)\s*=\s*({NAME})\s*")


def choose_defaults(
    announcements: Sequence[Announcement], kept: Mapping[str, str], remembered: Mapping[str, str]
) -> Mapping[str, str]:
    """By task: what the broker keeps, else as it was before, else the model with a batcher that was announced first."""
    latest_first = sorted(announcements, key=lambda one: (one.announced, one.card.key), reverse=True)
    first = {one.card.task: one.card.name for one in latest_first if one.batchers}
    return {**first, **remembered, **kept}


def parse_defaults(text: str) -> dict[str, str]:
    """`task=name, …` by task. Raises `ValueError` that says what is wrong with it."""
    found: dict[str, str] = {}
    for part in filter(str.strip, text.split(",")):
        pair = PAIR.fullmatch(part)
        if pair is None:
            raise ValueError(f"{part.strip()!r} is not spelled as task=name")
        if pair[1] in found:
            raise ValueError(f"two models are named for {pair[1]}")
        found[pair[1]] = pair[2]
    return found
