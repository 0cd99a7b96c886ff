"""What `cost` measures. Whatever is divided by jobs or requests is divided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.spent.spent import Spent


class NotMeasured(Exception):
    """A server did not answer as it should; the message says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A closed loop for a while, or a number of requests sent at once."""

    requests: int
    records: int  # in each request; a record is one job
    seconds: float
    p50: float  # ms
    spent: Spent

    @property
    def jobs(self) -> int:
        return self.requests * self.records

    @property
    def batches(self) -> int:
        return max(1, self.spent.batches)

    @property
    def jobs_a_batch(self) -> float:
        return self.jobs / self.batches

    def micros(self, kind: str) -> float:
        """Processor time of the processes of a kind for one job, µs."""
        return self.spent.micros(kind, self.jobs)

    def micros_a_request(self, kind: str) -> float:
        return self.spent.micros(kind, self.requests)

    def micros_a_batch(self, kind: str) -> float:
        return self.spent.micros(kind, self.batches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Requests of one shape, by a client that is alone and by many."""

    varied: str  # "records" | "characters"
    records: int
    characters: int  # of each record
    clients: int
    lone: Run
    busy: Run

    @property
    def value(self) -> int:
        return self.records if self.varied == "records" else self.characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A backlog worked off in batches of at most `size` jobs."""

    size: int
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The broker alone while `backlog` jobs wait and go on waiting: trips of a lone caller, ms, medians."""

    backlog: int
    batch: int  # jobs claimed at once
    admit: float  # one job
    claim: float  # a batch
    finish: float  # a batch
    micros: (
        float  # processor time of the broker's main thread for a job that is admitted, claimed and finished in batches
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A backlog that comes at once and is worked off, and one that stands."""

    backlog: int
    run: Run
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Rows in the order in which they were measured; every one once a round."""

    date: str
    machine: Mapping[str, str]
    sent: Sequence[Sent]
    sized: Sequence[Sized]
    waiting: Sequence[Waiting]
