"""What people see of a broker: frozen data with field names, read at one moment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from broker.messages import Lane, ModelCard, Presence

FLOOR = (7, 0)  # the scripts need their flags
NEWER = "Jitney needs Redis 7.0 or newer, or Valkey"
NO_EVICTION = "CONFIG SET maxmemory-policy noeviction, and the same in its configuration file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Why a server is no broker for us."""

    said: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the server says of itself. Where it may not be asked `kind` is empty."""

    kind: str = ""  # redis | valkey
    version: str = ""
    role: str = ""  # master | slave | sentinel
    mode: str = ""  # standalone | cluster | sentinel
    primary: str = ""  # host:port, where a Sentinel or a replica tells
    policy: str = ""  # where it is not told, nothing is held against it
    memory: int = 0  # bytes in use
    max_memory: int = 0  # bytes; 0: no bound
    is_durable: bool = False  # it appends what it is told to a file
    is_writable: bool = True  # no write to its disk has failed
    databases: Sequence[str] = ()  # those that hold keys: db0, db1

    @property
    def is_too_old(self) -> bool:
        """It cannot run our scripts."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:2]) < FLOOR

    @property
    def misfit(self) -> Misfit | None:
        """Why it would lose jobs, or can hold none."""
        if self.mode == "sentinel":
            where = f", {self.primary}" if self.primary else ": SENTINEL MASTERS names it"
            return Misfit(said="it is a Sentinel, which holds no data", remedy=f"name the primary it watches{where}")
        if self.is_too_old:
            return Misfit(said=f"it is version {self.version}", remedy=NEWER)
        if self.may_evict:
            said = f"its maxmemory-policy is {self.policy}, which may evict waiting jobs"
            return Misfit(said=said, remedy=f"set it to noeviction ({NO_EVICTION})")
        return None

    @property
    def may_evict(self) -> bool:
        """It may throw waiting jobs away."""
        return self.policy not in ("", "noeviction")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOverview:
    """One lane of one model's queue; -1 where its key holds something else."""

    lane: Lane
    jobs: int = 0
    tokens: int = 0
    oldest_age: float = 0.0  # seconds


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
class Overview:
    """A namespace at one moment of the broker's clock."""

    now: float  # seconds, the broker's clock
    epoch: str
    models: Sequence[ModelOverview] = ()
    batchers: Sequence[BatcherOverview] = ()
    unreadable: Sequence[str] = ()  # entries of the registry that are none of ours
    wrong_type: Sequence[str] = ()  # keys that hold something else than Jitney keeps there
    bad_limits: Mapping[str, str] = field(default_factory=dict)  # name of a model whose live limits make no sense → why
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
    size: int  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Dead letters of each model, newest last."""

    shown: Sequence[Letter] = ()
    there_are: int = 0
    unreadable: Sequence[str] = ()  # ⟨m⟩ whose key holds something else
