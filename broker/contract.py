"""What a broker promises. Redis and the in-memory twin keep it; `tests/contract/` holds both to it.

Every method may raise `BrokerUnavailable`. Every method is idempotent as its docstring says, because a lost reply is
answered by asking again. Times are the broker's own clock: callers' clocks differ.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from broker.history.contract import HistoryAppender
from broker.messages import (
    AdmitRequest,
    Claim,
    DeadLetter,
    Depth,
    Failure,
    Finish,
    Fleet,
    Limits,
    ModelCard,
    Outcome,
    Over,
    Presence,
    Pulse,
    Traffic,
    Verdict,
)
from broker.predictions.contract import PredictionBroker

NEVER = 1e9  # seconds
FRAME_TTL = 660.0  # seconds that frames wait for a front end that is away: longer than any caller may wait
POISON_AFTER = 3  # crashes, then a job is set aside
DEAD_KEPT = 1_000  # dead letters of a model, the newest
MOST_ASKED = 3  # times that asking again extends a lease
LISTS = 8  # of a lane: callers of one list share its turns
MOST_OF_A_LANE = 7 / 8  # of its bounds, for a caller who has jobs in it already
BULK_SHARE = 8  # one in so many jobs and tokens of a batch is for bulk that has waited
CHUNK = 1 << 17  # bytes of a file that travel at once: a third of a second at 3 Mbit/s
MAX_ARTIFACT = 1 << 28  # bytes of a file: front ends hold it in memory
ARTIFACT_TTL = 600.0  # seconds of silence after which a file is forgotten
PRUNED_AFTER = 30.0  # seconds of silence after which a batcher and its card are forgotten
PRESENCE_TTL = 5.0  # seconds of silence after which front ends count on a batcher no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """The outcomes that waited for one front end; `count` frames held them and are to be named as handled."""

    count: int = 0
    outcomes: Sequence[Outcome] = ()
    more: bool = False  # frames were left behind: ask again without blocking


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredentials:
    """What a broker keeps of API keys, as `broker.credentials` reads it."""

    version: str  # changes with every change; empty: there never was one
    entries: Mapping[str, bytes] = field(default_factory=dict)  # by the id of the key


class CredentialBroker(Protocol):
    """The broker as whoever gives out API keys sees it. One thread uses it."""

    def credentials(self) -> StoredCredentials:
        """All that is kept."""
        ...

    def change_credential(self, id: str, before: bytes, after: bytes) -> bool:
        """Keep this of a key, in place of what was seen of it before; empty is nothing. False where it is no longer so:
        somebody else was first. A full broker takes it too: who is to be kept out cannot wait for memory."""
        ...


class FrontEndBroker(Protocol):
    """The broker as one front end's tasks see it: one admits, one receives, one looks around, one fetches files, one
    cares for predictions, one brings the history's rows."""

    @property
    def predictions(self) -> PredictionBroker:
        """Those methods of the same connection that are about predictions."""
        ...

    @property
    def history(self) -> HistoryAppender:
        """That of the same connection that is about the history."""
        ...

    async def admit(
        self, sequence: int, requests: Sequence[AdmitRequest], cancelled: Collection[Over]
    ) -> list[Verdict]:
        """Queue whole requests or refuse them whole, oldest first; mark what is `cancelled`, which takes no memory to
        speak of: it can be said when that is spent. A mark goes soon after the last of its jobs.

        Verdicts come in the order of the requests, for as many as a trip carries (`broker.trips`), one at least; the
        others were not brought, and are asked for with the next sequence. The same sequence again returns the same
        verdicts and queues nothing. Bounds hold for each lane: an empty one takes any number of tokens and bytes, but
        never more jobs than its bound. A request without time left is refused as expired. One with more than
        `most_ahead` jobs before it is refused as contended, and the verdict says how many they are: those in batches
        under way, those of its lane, and for an interactive request the bulk that rides along (a seventh at most), for
        a bulk one the interactive jobs; while `room` of these wait, seven for each bulk job up to it and in it. The
        same holds for `most_tokens_ahead` and `room_tokens`. With no job before it it is always admitted: a card that
        is free takes it at once. A batcher is woken for a lane's first job, and whenever `batch` jobs or `batch_tokens`
        tokens more wait. The request's lane wins over the job's. Raises `BrokerFull` when the broker's memory is spent;
        nothing was queued then. A single request may be refused for that as well: of what it brings a part had no room.

        A lane's lists take turns, by weight: before a request are the jobs of its own list, and those of others that
        turns put between these and its own; the last eighth of a lane is for those whose list is empty. A request that
        one of its `policies` does not allow is refused as rate limited, and uses nothing of the others; verdicts of
        limited callers tell what is left.
        """
        ...

    async def receive(self, handled: int, wait: float) -> Frames:
        """Forget the first `handled` frames, then wait up to `wait` seconds for outcomes; 0.0 does not wait.

        Frames that were not named as handled are read again: no outcome dies with a connection. After an error ask
        with `wait` 0.0 first: the token that announced what waits may be spent.
        """
        ...

    async def look(self) -> Fleet:
        """The cards, live batchers, defaults and shares of this namespace, and its epoch, set by whoever finds none."""
        ...

    async def settle_default(self, task: str, name: str, *, again: bool = False) -> None:
        """This model answers for the task when none is named, unless another does already; `again` puts it in place of
        any other, for a broker that has forgotten. It outlives the model's card. A full broker keeps nothing."""
        ...

    async def restore_traffic(self, name: str, traffic: Traffic) -> None:
        """A broker that has forgotten keeps these shares of the model's requests again, unless it has others by now.
        A full broker keeps nothing."""
        ...

    async def credentials(self, version: str) -> StoredCredentials | None:
        """What is kept of API keys; None while its version is this one. A broker that was never told of any, or has
        lost them, has none and no version either."""
        ...

    async def artifact(self, sha256: str, at: int = 0) -> bytes | None:
        """A chunk of a tokenizer file, by its hash, from this byte on; empty at the end. None when no batcher keeps it
        alive any more."""
        ...


class BatcherBroker(Protocol):
    """The broker as one batcher sees it, for the one model that it serves."""

    async def wait(self, timeout: float) -> bool:
        """Block up to `timeout` seconds for the wake token; True when there was one. A short wait is not exact."""
        ...

    async def depth(self, *, wait: float = 0.0) -> Depth:
        """How much waits for this model right now. `jobs` counts suspects; `tokens` and `oldest_age` the lanes only.
        `wait` blocks up to so many seconds for the wake token first, in the same trip; 0.0 does not block."""
        ...

    async def drain(
        self,
        batch: str,
        limits: Limits,
        *,
        staged: bool,
        suspects: bool,
        wait: float = 0.0,
        bulk_after: float = NEVER,
    ) -> Claim:
        """Claim the oldest live jobs that fit size and tokens, interactive before bulk, under a lease named `batch`.

        When the head of the bulk lane has waited for `bulk_after` seconds, an eighth of the batch (of its jobs and its
        tokens, but one job at least) is claimed for bulk before interactive jobs fill the rest: bulk never starves.
        `wait` blocks up to so many seconds for the wake token first, in the same trip; 0.0 does not block. If that
        lease exists already its jobs are returned, but for large ones that are cancelled, or whose end was told: asking
        again claims nothing more, and extends the lease a few times only. A claim is bounded in bytes as well
        (`broker.trips`); a job that is larger travels alone. Expired and cancelled jobs are dropped on the way.
        `staged` jobs have not started: a crash sends them back to the head untouched. `suspects` says whether suspects
        go first this time; otherwise they go only when nothing else waits, and never `staged`. Suspects with one
        attempt run together, those with two or more alone. The token budget is a sum of costs; a job larger than it
        travels alone. One call does bounded work, so it may return nothing though jobs are left.
        """
        ...

    async def finish(self, ended: Sequence[Finish], *, starts: str | None) -> None:
        """Publish results to the front ends that wait for them and take the jobs out of their leases: all at once, and
        one frame for each front end, however many batches they are of. Where they are more bytes than a trip carries
        they go in several, each for itself, the leases with the last; asked again it begins where it failed.

        A batch that is `done` loses its lease; `starts` names the staged batch that runs now. A late result is still a
        good one: it is published even when the lease is gone. Asking again is harmless: front ends ignore ids that they
        know.
        """
        ...

    async def fail(self, batch: str, failures: Sequence[Failure]) -> None:
        """Publish failures for jobs that this lease still holds; for others it changes nothing. Fenced by the lease,
        which goes with its last job."""
        ...

    async def start(self, batch: str) -> None:
        """The staged batch runs now, when no `finish` could say so."""
        ...

    async def release(self, batch: str) -> None:
        """Return the jobs of a batch that did not start to the head of their lane, in order, attempts unchanged; a
        suspect stays one."""
        ...

    async def reclaim(self) -> Sequence[DeadLetter]:
        """Take back the jobs of expired leases; prune cards without a live batcher.

        Jobs of a batch that had not started go back to the head untouched. Jobs of a started batch become suspects with
        one more attempt; at the third they are dead-lettered and their callers told. Returns the dead letters.
        """
        ...


class HeartbeatBroker(Protocol):
    """The broker as a batcher's heartbeat sees it: synchronous, because it lives in an OS thread of its own."""

    def announce(self, card: ModelCard, artifacts: Mapping[str, bytes]) -> None:
        """Make the model known to every front end; `artifacts` maps SHA-256 to bytes. Again is harmless."""
        ...

    def beat(self, presence: Presence, jobs: Mapping[str, Sequence[str]]) -> Pulse:
        """Extend the leases of these batches (batch id → ids of its live jobs) and take out of them what is cancelled;
        the pulse names what they do not hold any more. Renew card, artifacts and presence, and
        bring card and artifacts back where the broker has lost them."""
        ...

    def leave(self, batcher: str) -> None:
        """This batcher serves no more: front ends stop counting on it."""
        ...
