"""What goes from a dialect to the grouping and back, and what a threshold means. Pure, and without numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from broker.common.tasks import THRESHOLD
from broker.messages import ModelCard

HUNDREDTHS = 100  # similarities are compared, sorted by and shown in these: dtypes and batches change what is finer


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Records that are alike, by their numbers in the request."""

    members: Sequence[int]  # the centre first, then by falling similarity, then as the request has them
    similarities: Sequence[float]  # of each to the centre
    cohesion: float  # the mean similarity of its pairs; 1 for a record alone


class Grouping(Struct, frozen=True, kw_only=True):
    """The memo of a call that asks for groups."""

    threshold: float
    asked: Any = None  # what its dialect needs to write the reply
    groups: Sequence[Group] = ()  # there when the reply is written


class ThresholdTooLow(Exception):
    """So many pairs are as alike as this that groups would say little; `enough` is a threshold that would do."""

    def __init__(self, threshold: float, most_pairs: int, enough: float) -> None:
        super().__init__(f"More than {most_pairs:,} pairs of these records are as alike as {threshold:g}")
        self.enough = enough


def least(threshold: float) -> float:
    """The least similarity that, in hundredths, is at least the threshold."""
    # 0.29 * 100 is 28.999999999999996, which is not what anybody means.
    return (max(1, math.ceil(round(threshold * HUNDREDTHS, 6))) - 0.5) / HUNDREDTHS


def shown(similarity: float) -> float:
    """In hundredths."""
    return math.floor(similarity * HUNDREDTHS + 0.5) / HUNDREDTHS


def default_threshold(card: ModelCard) -> float:
    """What the model's makers say, else what suits most models."""
    said = card.options.get("threshold")
    if isinstance(said, int | float) and not isinstance(said, bool) and 0 < said <= 1:
        return float(said)
    return THRESHOLD
