"""What people see of a broker: frozen data with field names, read at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from broker.credentials.credential import Credential
from broker.messages import Lane, ModelCard, Policy, Presence, Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOverview:
    """One lane of one model's queue; -1 where its key holds something else."""

    lane: Lane
    jobs: int = 0
    tokens: int = 0
    bytes: int = 0
    oldest_age: float = 0.0  # seconds
    lists: Sequence[int] = ()  # the jobs of each of its lists


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseOverview:
    """The batches of one model that are claimed."""

    batches: int = 0
    jobs: int = 0  # in those looked into
    staged: int = 0  # batches that have not started, of those looked into
    looked_into: int = 0
    soonest_expiry: float = 0.0  # seconds from now; below zero: nobody has taken them back


@dataclass(frozen=True, slots=True, kw_only=True)
class BatcherOverview:
    """One batcher as it announced itself."""

    presence: Presence
    beat_age: float  # seconds since its last beat; below zero: it is stamped in the future
    is_live: bool  # front ends count on it


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOverview:
    """All that the broker holds for one ⟨m⟩."""

    key: str  # name@revision
    lanes: Sequence[LaneOverview]
    suspects: int
    dead: int
    leases: LeaseOverview
    card: ModelCard | None = None
    batchers: int = 0  # live ones

    @property
    def waiting(self) -> int:
        """Jobs that nobody has claimed."""
        return sum(max(0, lane.jobs) for lane in self.lanes) + max(0, self.suspects)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionsOverview:
    """The predictions of all front ends; those whose time is over are counted until a beat, or one that is created,
    takes them off, a hundred at a time."""

    open: int = 0
    kept: int = 0  # open ones and results
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTry:
    """What came of a try to deliver a webhook."""

    at: float  # seconds, the broker's clock
    prediction: str  # the beginning of its id
    host: str
    status: int  # what it answered; 0: nothing
    tries: int
    fate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksOverview:
    """The webhooks of all front ends."""

    due: int = 0  # that are not settled: now or later
    fates: Mapping[str, int] = field(default_factory=dict)  # what became of tries → how many
    tries: Sequence[WebhookTry] = ()  # the newest, newest first


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOverview:
    """The history on its way to its database."""

    waiting: int = 0  # blocks
    bytes: int = 0  # of these
    dropped: int = 0  # rows, by all front ends, ever
    dropped_age: float | None = None  # seconds since the last of them
    writer: str = ""  # that beat last; empty: none ever did
    database: str = ""
    written: int = 0  # rows, since that writer started
    error: str = ""  # why it could not write then
    beat_age: float = 0.0  # seconds since its last beat


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOverview:
    """A policy of a caller's, or one by which it was refused when it had that."""

    name: str
    policy: Policy | None = None  # None: its key is not the broker's, or has another limit by now
    left: int | None = None  # of its quota
    refused: int = 0  # requests, since a day was without any refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerOverview:
    """Somebody who asks, or may."""

    id: str
    credential: Credential | None = None  # None: none of the broker's keys
    list: int | None = None  # of a lane; others may share it
    waiting: int = 0  # jobs in that list, of all lanes
    limits: Sequence[LimitOverview] = ()

    @property
    def name(self) -> str:
        """For people; empty where it is not known."""
        return self.credential.name if self.credential else ""

    @property
    def refusals(self) -> int:
        """Requests that were refused by any of its policies."""
        return sum(limit.refused for limit in self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallersOverview:
    """API keys that the broker keeps, and who was refused."""

    keys: int = 0
    version: str = ""  # empty: there never was a key, or the broker came back empty
    credentials: Mapping[str, Credential] = field(default_factory=dict)  # by id: all, or many of them
    unreadable: Mapping[str, str] = field(default_factory=dict)  # of those: id → what is wrong
    refused: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # caller → policy → requests
    is_complete: bool = True
    shown: Sequence[CallerOverview] = ()  # the most pressing


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A namespace at one moment of the broker's clock."""

    now: float  # seconds, the broker's clock
    epoch: str
    models: Sequence[ModelOverview] = ()
    batchers: Sequence[BatcherOverview] = ()
    predictions: PredictionsOverview = PredictionsOverview()
    webhooks: WebhooksOverview = field(default_factory=WebhooksOverview)
    callers: CallersOverview = field(default_factory=CallersOverview)
    history: HistoryOverview = HistoryOverview()
    unreadable: Sequence[str] = ()  # entries of the registry that are none of ours
    wrong_type: Sequence[str] = ()  # keys that hold something else than Jitney keeps there
    traffic: Mapping[str, Traffic] = field(default_factory=dict)  # shares of a model's requests, by its name
    bad_traffic: Mapping[str, str] = field(default_factory=dict)  # name of a model whose shares make no sense → why
    bad_limits: Mapping[str, str] = field(default_factory=dict)  # name of a model whose live limits make no sense → why
    on_trial: Sequence[str] = ()  # names of models whose live limits a sweep tries, or has left behind
    other_protocols: Sequence[int] = ()  # that have keys in this namespace
    is_complete: bool = True  # False: the server holds so many keys that models without a card may be missing
    left_out: int = 0  # models that are not shown, because there are so many


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter's outside."""

    model: str
    job_id: str
    attempts: int
    admitted: float  # seconds, the broker's clock
    deadline: float
    cost: int  # tokens
    size: int  # bytes, with its body
    lies_apart: bool = False  # its body does, and is kept no longer than its deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Dead letters of each model, newest last."""

    shown: Sequence[Letter] = ()
    there_are: int = 0
    unreadable: Sequence[str] = ()  # ⟨m⟩ whose key holds something else
