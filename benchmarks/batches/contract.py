"""What the measurements of batches say to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from benchmarks.lib.loops import Call

BATCHES = 3
RECORDS = 8  # in a line of a batch


class NotMeasured(Exception):
    """A server did not answer as it should; the message says what it said."""


class Way(StrEnum):
    """How the batches are sent beside the interactive requests."""

    ALONE = "alone"
    PLAIN = "plain requests"
    BULK = "bulk lane"
    FILES = "/v1/batches"


LANES = {Way.PLAIN: "interactive", Way.BULK: "bulk"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A model, and how much is asked of it."""

    name: str
    spec: str
    languages: tuple[str, str] | None = None  # of a translation
    rate: float  # interactive requests a second, mean over bursts and what lies between them
    in_flight: int  # lines of a batch that are under way at once

    @property
    def path(self) -> str:
        return f"/models/{self.name}"


GROUNDS = (
    Ground(name="card", spec="synthetic:20ms+0.5ms", rate=100.0, in_flight=32),
    Ground(name="demo", spec="translation:demo/translation", languages=("en", "ja"), rate=25.0, in_flight=16),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """When interactive requests come: half of each period, the first half. Seconds."""

    period: float
    warm_up: float
    duration: float

    @property
    def on(self) -> float:
        return self.period / 2

    @property
    def seconds(self) -> float:
        return self.warm_up + self.duration

    @property
    def begins(self) -> list[float]:
        """When bursts begin."""
        return [number * self.period for number in range(ceil(self.seconds / self.period))]

    def is_measured(self, at: float) -> bool:
        return self.warm_up <= at < self.seconds


@dataclass(slots=True, kw_only=True)
class Run:
    """One ground in one way. Times are seconds from its start."""

    way: Way
    calls: Sequence[Call]  # the interactive requests
    computed: Sequence[tuple[float, int]] = ()  # when, and how many jobs had left the card by then
    refused: int = 0  # lines that were refused for now, and sent again
    others: float = 0.0  # cores that processes other than ours kept busy
