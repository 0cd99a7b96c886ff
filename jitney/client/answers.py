"""What a call comes to: one frozen dataclass for each kind of answer. Each record's error is data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jitney.client.errors import RecordError


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Where an answer came from; those of one request share it."""

    request_id: str = ""
    model: str = ""  # NAME@REVISION
    timing: Mapping[str, float] = field(default_factory=dict)  # seconds by stage: queue, window, compute, return
    warnings: tuple[str, ...] = ()  # what of the request the server did not understand


NO_REPLY = Reply()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Of one record. Where `error` is set the other fields are empty. `raw` has all that the server said."""

    error: RecordError | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    reply: Reply = field(default=NO_REPLY, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation(Answer):
    """Of a text."""

    text: str = ""
    detected: str = ""  # the language that was found, where none was named
    detected_score: float = 0.0  # 0–1: how well the text fits that language
    degenerate: bool = False  # empty or repeating itself, at a second try too
    truncated: bool = False  # the model's limit came before its end
    unread: int = 0  # characters that the model has no token for


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well a label fits, from 0 to 1."""

    label: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification(Answer):
    """The best label, and further ones."""

    label: str = ""
    score: float = 0.0
    labels: tuple[Score, ...] = ()  # as many as were asked for, best first


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding(Answer):
    """What a text means, as numbers."""

    vector: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking(Answer):
    """A text's place among those that answer a query."""

    index: int  # of the text in the call, from 0
    text: str
    score: float = 0.0
    truncated: bool = False  # not all of query and text was read


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Texts that mean alike."""

    texts: tuple[str, ...]  # the one that all others are alike, then those most similar to it
    places: tuple[int, ...]  # of these texts in the call, from 0
    cohesion: float  # the mean similarity of its pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """The largest first. Texts without a vector are in none: `errors` has them by their places."""

    clusters: tuple[Cluster, ...]
    errors: Mapping[int, RecordError] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    reply: Reply = field(default=NO_REPLY, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that the server knows."""

    name: str
    task: str
    revision: str
    status: str  # live, loading, gone
    is_default: bool  # it answers for its task when a call names no model
    batchers: int
    languages: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a prediction is."""

    id: str
    status: str  # queued, running, succeeded, failed, canceled, expired
    records: int
    done: int
    failed: int
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def has_ended(self) -> bool:
        return self.status not in ("queued", "running")
