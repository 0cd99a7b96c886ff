"""What sweep and tune write down: a directory with `run.json`, a line of `points.jsonl` a point, and what tune says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.lib.summary import Summary
from broker.messages import Limits

RUN, POINTS, RECOMMENDATION = "run.json", "points.jsonl", "recommendation.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The load of a point: requests a second that came by themselves, or clients that wait for their answers."""

    rate: float | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One stretch of measuring. Points consist of several, so that one can see whether they agree."""

    per_second: float  # requests answered
    p99: float | None  # ms, from when they were due; None where nothing was answered
    answered_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One setting under one load."""

    limits: Limits
    offered: Offered
    windows: Sequence[Window]
    summary: Summary  # of the windows that agree, together; of all where none do
    is_stable: bool  # the last three windows agree within 10 %
    doubts: Sequence[str] = ()  # why it should not be believed, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What a batch costs: fixed + per_job · jobs + per_token · tokens, seconds."""

    fixed: float
    per_job: float
    per_token: float = 0.0
    overhead: float = 0.0  # seconds of a lone request that are not the model's
    error: float = 0.0  # mean relative error over the batches it was fitted to
    tokens: float = 0.0  # a job's, on average; 0.0 for a model that has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One setting, and the highest rate at which its p99 was seen within the SLO."""

    limits: Limits
    rate: float  # requests a second that kept it; 0.0 where none did, or where it lost against a better one at once
    fails_at: float | None  # the lowest rate that did not; None where the search was not brought to one
    predicted: float | None  # requests a second, from the fit; None without one
    p99: float | None = None  # ms, at the rate that it had to carry; None where the highest was sought
    doubts: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What tune ends in."""

    slo_p99: float  # seconds
    rate: float | None  # requests a second that it had to carry; None where the highest was sought
    best: Choice
    runner_up: Choice | None
    verdict: str  # in words: "leave adaptive, …"
    fit: Fit | None
    confirmed: int | None = None  # of three longer stretches at that rate, how many kept the SLO
    doubts: Sequence[str] = ()  # why it is not to be trusted, in words; none where it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What all points of a directory have in common."""

    command: str  # sweep | tune
    model: str  # name@revision
    workload: Mapping[str, str]  # what was sent, in words: texts, records, path, arrivals
    machine: Mapping[str, str]
    started: str  # ISO 8601, UTC
    slo_p99: float | None = None  # seconds
    settings: Mapping[str, str] = field(default_factory=dict)  # of the command, so that --resume can be held to them


class RunDirectory:
    """Points are added one by one, each a whole line: what a kill leaves can be read and gone on with."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, run: Run) -> None:
        """Make or replace `run.json`."""
        self.path.mkdir(parents=True, exist_ok=True)
        whole = self.path / f"{RUN}.part"
        whole.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
        whole.replace(self.path / RUN)

    def read(self) -> Run:
        """Raises `OSError` where there is none, `msgspec.ValidationError` for one of another kind."""
        return msgspec.json.decode((self.path / RUN).read_bytes(), type=Run)

    def add(self, point: Point) -> None:
        """One more line, in place of one that a kill cut off."""
        with (self.path / POINTS).open("ab+") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
            file.write(msgspec.json.encode(point) + b"\n")

    def points(self) -> list[Point]:
        """All whole lines; a last one that a kill cut off is left out."""
        file = self.path / POINTS
        lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
        return [msgspec.json.decode(line, type=Point) for line in lines]

    def recommend(self, found: Recommendation) -> None:
        """Make or replace `recommendation.json`."""
        (self.path / RECOMMENDATION).write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")

    def recommendation(self) -> Recommendation | None:
        """What tune said; None for a sweep. Raises `msgspec.ValidationError` for a file of another kind."""
        file = self.path / RECOMMENDATION
        return msgspec.json.decode(file.read_bytes(), type=Recommendation) if file.exists() else None
