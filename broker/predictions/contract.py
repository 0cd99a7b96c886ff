"""What a broker promises of predictions: requests that are stored, run by one front end under a lease, fetched by all.

Batchers know nothing of them. As in `broker.contract` every method is idempotent, may raise `BrokerUnavailable`, and
counts time by the broker's own clock. `request` and results are bytes that only front ends read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

LEASE = 5.0  # seconds of silence after which another front end adopts a prediction
OVERHEAD = 1_024  # bytes that count for a prediction besides its body or its result
TRIMMED = 100  # predictions at most whose time is over, that a creation or a beat takes off the sum of bytes
TRIES_SHOWN = 20  # the newest tries to deliver a webhook that operators see
TRIES_KEPT = 604_800.0  # seconds that they do, and how many there were, after the last one
HOOK_LEASE = 20.0  # seconds for which whoever takes a webhook has it for itself
MOST_ROWS = 64  # rows that are brought at once
SETTLED = 1.1  # seconds after which a broker can be asked whether something is on its disk


class State(StrEnum):
    """How far a prediction is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def is_open(self) -> bool:
        return self in (State.QUEUED, State.RUNNING)


class Creation(StrEnum):
    """What has come of an order."""

    CREATED = "created"
    REPLAYED = "replayed"  # its key belongs to an equal one: here is that one's id
    MISMATCH = "mismatch"  # its key belongs to another one
    FULL = "full"  # the sum of bytes is spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A prediction to be created; whoever does so owns it."""

    id: str
    owner: str
    request: bytes
    body: bytes
    records: int
    time_left: float  # seconds until its deadline
    keep: float  # seconds that its result is kept
    runs: bool = False  # its owner begins at once, and needs not ask for it
    key: str = ""  # SHA-256 of its idempotency key and whoever may use that; empty: none
    fingerprint: str = ""  # of what the key stands for
    has_hook: bool = False  # somebody is to be told when it ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The answer to an order."""

    outcome: Creation
    id: str = ""
    wait: float = 0.0  # seconds until the first bytes come free; only with FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One of them, as it is kept. Times are seconds since 1970."""

    id: str
    state: State
    owner: str  # who runs it, or has ended it
    request: bytes
    size: int  # bytes that it counts for: as large as its body, or its result
    records: int
    done: int
    failed: int
    created: float
    started: float | None
    finished: float | None
    deadline: float
    expires: float
    now: float  # when it was read


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a prediction ends."""

    id: str
    owner: str
    state: State
    result: bytes
    done: int
    failed: int
    keep: float  # seconds that the result is kept from now on


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What a front end learns of its leases."""

    lost: Sequence[str] = ()  # it holds these no more: canceled, adopted, gone
    adopted: Sequence[str] = ()  # it holds these from now on
    open: int = 0  # predictions of all front ends that have not ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A prediction that has ended, of which somebody is to be told."""

    id: str
    tries: int  # this one counts


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTry:
    """What came of a try to deliver a webhook, for operators. No field has a space."""

    prediction: str  # the beginning of its id: whoever knows all of it may read the prediction
    host: str  # that was told, and nothing else of its address: the rest may be a secret
    status: int  # what it answered; 0: nothing
    tries: int  # this one counts
    fate: str


class PredictionBroker(Protocol):
    """The broker as the one task sees it that cares for a front end's predictions."""

    async def create(self, order: Order, most_bytes: int) -> Created:
        """Store it under a lease of its owner, unless its key says that it is there, or all together would be more than
        `most_bytes`. A key whose prediction was forgotten is free. Raises `BrokerFull`; nothing is stored then."""
        ...

    async def read(self, ids: Collection[str]) -> dict[str, Prediction]:
        """Those of them that are kept."""
        ...

    async def begin(self, id: str, owner: str) -> bytes | None:
        """It runs now: its body. None when this owner does not hold it, or it has ended."""
        ...

    async def add_rows(self, id: str, owner: str, first: int, rows: Sequence[bytes], failed: int) -> int | None:
        """Keep what records have come to, `MOST_ROWS` at most, of which the first stands in this place of the request.
        Up to the last of them so many have failed: `done` and `failed` say so from now on. Those that are kept already
        are passed over; without the one before the first, none is taken. Returns how many are kept; None when this
        owner does not hold it, or it has ended. They go when it ends. Raises `BrokerFull`."""
        ...

    async def rows(self, id: str, first: int, most: int) -> Sequence[bytes]:
        """At most so many of those that are kept of an open one, from this place on."""
        ...

    async def finish(self, ending: Ending) -> bool:
        """Whether this ending is the one that counts. The first result does, whoever brings it; what is no result is
        fenced by the lease. The body goes. Raises `BrokerFull` where the result has no room; it is open then."""
        ...

    async def result(self, id: str, owner: str) -> bytes | None:
        """What its ending by this owner brought; None once it is gone."""
        ...

    async def remove(self, id: str) -> State | None:
        """An open one is canceled: its state is kept, its body goes. An ended one is forgotten. Returns the state that
        it had; None when there is none of this id."""
        ...

    async def beat(self, owner: str, ids: Collection[str], most: int) -> Beat:
        """Extend the leases of these, and adopt at most so many whose lease has ended."""
        ...

    async def release(self, owner: str, ids: Collection[str]) -> None:
        """This owner ends: others adopt these at once."""
        ...

    async def take_hooks(self, most: int) -> Sequence[Hook]:
        """At most so many webhooks that are due. Nobody else gets them for `HOOK_LEASE` seconds; then whoever asks, if
        they were not settled. Due at once is what has ended, by DELETE too; never what is open or forgotten."""
        ...

    async def settle_hook(self, id: str, wait: float | None, tried: HookTry) -> None:
        """It is due again after so many seconds; None: never. Operators see what was tried."""
        ...

    async def persisted(self) -> bool:
        """Whether all that was stored `SETTLED` seconds before this call is in the broker's log on its disk: one that
        loses power has it still. Waits for seconds, so it wants a connection of its own. Raises `BrokerError`, with
        what helps, for a broker that can never say so."""
        ...

    async def epoch(self) -> str:
        """That of the broker's memory. A new one says that it came back empty."""
        ...
