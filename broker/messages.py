"""What travels between front ends and batchers: frozen data with field names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal, TypeVar, dataclass_transform

from msgspec import Struct

from broker.tracing.context import TRACE_ID

AnyClass = TypeVar("AnyClass")
NO_META: Mapping[str, str] = MappingProxyType({})  # shared by all jobs that bring none
REQUESTS_SHOWN = 8  # in one line of the log
Value = Any  # what msgpack carries, and arrays: "i" (int32 token ids) and "f" (float32 vectors)


# What is made for each job is a Struct: it is made four times as fast as a dataclass with slots. The others travel as
# maps of their fields, which dataclasses list. Frozen for mypy alone: freezing takes three times as long.
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def message(kind: type[AnyClass]) -> type[AnyClass]:
    """A dataclass whose fields are named when it is made, and never change."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(kind)


class Lane(StrEnum):
    """`bulk` only fills the room that `interactive` leaves."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


class FailureCode(StrEnum):
    """Every way in which a job, or the request it belongs to, ends without a result."""

    INVALID_INPUT = "invalid_input"  # this input can never be computed
    TOO_LARGE = "too_large"  # longer than the model takes, or more than a bound allows
    CONTENDED = "contended"  # the queue is full, or too long for the deadline
    RATE_LIMITED = "rate_limited"  # its caller has asked for more than it may
    NO_BATCHER = "no_batcher"  # no live batcher serves this model
    BROKER_UNAVAILABLE = "broker_unavailable"  # the broker is away
    BROKER_FULL = "broker_full"  # the broker is out of memory
    EXPIRED = "expired"  # its deadline passed
    MODEL_ERROR = "model_error"  # the model raised, or gave too few or too many outputs
    POISON = "poison"  # its batch crashed the batcher three times


class Job(Struct, frozen=True, kw_only=True):
    """One input for one model.

    `admitted` and `deadline` are seconds on the broker's clock; ADMIT stamps them, so they are 0.0 before.
    """

    id: str  # 32 hexadecimal digits: of its request (random), its record, its piece
    front_end: str  # 16 hexadecimal digits: who waits for the outcome
    input: Value  # what the model's `forward` receives, one element of its inputs
    cost: int = 1  # tokens, known before the job is admitted
    lane: Lane = Lane.INTERACTIVE
    list: int = 0  # of its lane, 0 to 7: callers of one list share its turns
    weight: int = 1  # of its caller, 1 to 9: how much of a batch its list gets beside others
    attempts: int = 0  # how many batches crashed with this job in them
    admitted: float = 0.0
    deadline: float = 0.0
    meta: Mapping[str, str] = NO_META  # request id, trace context, caller: travels untouched

    @property
    def identity(self) -> dict[str, str]:
        """What names it in a line of the log."""
        return identity_of(self.id, self.meta)


def identity_of(job: str, meta: Mapping[str, str]) -> dict[str, str]:
    """A job's id, and those of the request and the trace that it belongs to, where they are known."""
    found = {"job": job, "request_id": meta.get("request_id", ""), "trace_id": meta.get("traceparent", "")[TRACE_ID]}
    return {name: id for name, id in found.items() if id}


def requests_of(jobs: Iterable[Job]) -> dict[str, Any]:
    """What names the requests of several jobs in a line of the log: few of many."""
    ids = list(dict.fromkeys([job.meta["request_id"] for job in jobs if "request_id" in job.meta]))
    return {"requests": ids[:REQUESTS_SHOWN], "more_requests": max(0, len(ids) - REQUESTS_SHOWN)}


REQUEST, RECORD = 16, 24  # digits of a job's id that name its request, and its record in that
FIRST = "0" * 16  # what follows the request's in the id of its first job


def job_id_of(request: str, record: int, piece: int) -> str:
    """The id of one piece of one record of a request, whose own id is random."""
    return f"{request}{record:08x}{piece:08x}" if record or piece else request + FIRST


class Cancel(Struct, frozen=True, kw_only=True):
    """Nobody waits any more for the jobs whose ids begin so: what is left of a request, or of one of its records."""

    model: str  # the card's key
    ids: str  # REQUEST or RECORD digits


class Policy(Struct, frozen=True, kw_only=True):
    """What a caller may ask for: so much of a unit within any window, on a day, or at once."""

    name: str  # as RateLimit headers have it
    unit: Literal["requests", "jobs", "tokens"]
    quota: int
    window: float  # seconds
    kind: Literal["rate", "day", "concurrency"] = "rate"


class Allowance(Struct, frozen=True, kw_only=True):
    """What a policy still allows."""

    left: int
    reset: float  # seconds until the whole quota is there again; of a refusal, until there is enough for it


class Running(Struct, frozen=True, kw_only=True):
    """A request that a caller had under way, and that has ended."""

    caller: str
    ids: str  # REQUEST digits


Over = Cancel | Running  # what a front end's callers wait for no more


class AdmitRequest(Struct, frozen=True, kw_only=True):
    """The jobs of one request: admitted whole or refused whole."""

    model: str  # the card's key, name@revision
    jobs: Sequence[Job]
    time_left: float  # seconds until the caller's deadline
    lane: Lane = Lane.INTERACTIVE
    most_ahead: int | None = None  # jobs before it at which it still ends in time; None: unknown, any number
    room: int = 0  # jobs in a full batch: while so many interactive ones wait, bulk has its eighth and no more
    batch: int = 0  # a batcher is woken whenever so many jobs more wait; 0: only when the first one comes
    most_tokens_ahead: int | None = None  # the same three in tokens: where these bind, a batch holds fewer jobs
    room_tokens: int = 0
    batch_tokens: int = 0
    list: int = 0  # of the lane, 0 to 7: 0 is everybody's while nobody has a key
    weight: int = 1  # 1 to 9
    caller: str = ""  # whose policies these are
    policies: Sequence[Policy] = ()


class Verdict(Struct, frozen=True, kw_only=True):
    """What ADMIT said to one request; `refusal` is None when its jobs wait now."""

    refusal: FailureCode | None = None
    waiting: int = 0  # jobs in this lane of the queue, these included when they were admitted
    ahead: int | None = None  # jobs before it, where they are too many for its time left; None: it was not that
    tokens_ahead: int | None = None  # theirs, where it is these that are too many
    policy: int | None = None  # the place of the one that does not allow it
    allowances: Sequence[Allowance] = ()  # of each policy, in their order


class Timing(Struct, frozen=True, kw_only=True):
    """Where a job's time went, as its batcher saw it: seconds, and jobs."""

    queue: float = 0.0  # admitted → claimed, without the window
    window: float = 0.0  # waiting for company
    compute: float = 0.0  # in the engine
    batch_size: int = 1  # jobs computed together; in an in-flight engine those that ran when this one ended

    @property
    def total(self) -> float:
        """Seconds from its admission to its end."""
        return self.queue + self.window + self.compute


class Result(Struct, frozen=True, kw_only=True):
    """The output of one job, one element of the model's outputs."""

    job_id: str
    output: Value
    timing: Timing = Timing()


class Failure(Struct, frozen=True, kw_only=True):
    """Why one job has no result. `message` may be shown to a client: no internals in it."""

    job_id: str
    code: FailureCode
    message: str


Outcome = Result | Failure


@message
class ModelCard:
    """What a batcher announces, and all that a front end knows of a model."""

    name: str  # lower-case letters, digits, '.', '_', '-'
    task: str  # translation | classification | embedding | any word of a custom model
    codec: str  # which codec of the front ends encodes for it: m2m100 | nllb | text | image | passthrough
    revision: str  # hash of weights, tokenizer and settings that change answers
    max_cost: int = 1024  # tokens: the longest job the model takes; front ends split or refuse longer ones
    labels: Sequence[str] = ()
    languages: Sequence[str] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict)  # file name → SHA-256 of its bytes, kept by the broker
    options: Mapping[str, Value] = field(default_factory=dict)  # what the codec needs besides its files
    description: str = ""  # for people: what it can and cannot do

    @property
    def key(self) -> str:
        """⟨m⟩: names the queue, because ids must never meet the wrong vocabulary."""
        return f"{self.name}@{self.revision}"


@message
class Speed:
    """A batcher's fitted time for a batch of n jobs: `fixed + per_job * n` seconds. Zero means unknown."""

    fixed: float = 0.0
    per_job: float = 0.0


POLICIES = ("adaptive", "fixed")  # of windows: batcher/policy/window.py says what they mean


@message
class Limits:
    """What bounds a batch. All of them bind, always."""

    max_batch_size: int = 64  # jobs, at most 256
    max_batch_tokens: int = 16384  # tokens, padded; a larger job travels alone
    max_wait: float = 0.005  # seconds from the first job, under policy `fixed`
    policy: str = "adaptive"  # one of POLICIES
    version: int = 0  # counts the live changes

    def complaints(self) -> list[str]:
        """What is wrong with these, in words for the operator."""
        rules = [
            (1 <= self.max_batch_size <= 256, "max_batch_size must be 1 to 256 jobs"),
            (self.max_batch_tokens >= 1, "max_batch_tokens must be at least 1"),
            (0.0 <= self.max_wait <= 10.0, "max_wait must be 0 to 10 seconds"),
            (self.policy in POLICIES, f"policy must be {' or '.join(POLICIES)}"),
        ]
        return [complaint for holds, complaint in rules if not holds]


@message
class Slo:
    """A batcher that sizes its batches itself, so that 99 % of its interactive jobs end within `bound`."""

    bound: float  # seconds, from their admission on
    p99: float = 0.0  # seconds, as measured lately; 0.0 while nobody knows
    size: int = 0  # jobs that the next batch may have


@message
class Presence:
    """One batcher as the others see it."""

    batcher: str  # its id, unique to a process
    model: str  # the card's key
    speed: Speed = Speed()
    room: int = 0  # jobs it takes in a batch
    room_tokens: int = 0  # tokens it takes in a batch
    cost: float = 0.0  # tokens that a job has had lately, on average; 0.0 while it had none
    host: str = ""
    protocol: int = 0  # 0: it does not say
    software: str = ""  # which Jitney it is
    limits: Limits | None = None  # an operator's, of its next batch; None: it does not say
    slo: Slo | None = None  # None: it keeps none


@message
class Announcement:
    """A card the broker knows, with when it first appeared (seconds, broker's clock) and who is behind it now."""

    card: ModelCard
    announced: float
    batchers: Sequence[Presence] = ()  # live ones only


WHOLE = 100_000  # parts of a model's requests: a share is told to a thousandth of a percent


class Span(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of the line along which a model's requests, or its callers, are spread evenly."""

    parts: int
    revision: str = ""  # whose they are; empty: those that have no share of their own, by their room


class Traffic(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which share of a model's requests each of its revisions is given, as an operator wants it."""

    spans: tuple[Span, ...]  # in their order along the line, all of it
    sticky: Literal["", "caller"] = ""  # what stays where it is while shares stay; empty: nothing does

    @property
    def shares(self) -> dict[str, int]:
        """Parts by revision, of those that have a share of their own."""
        found: dict[str, int] = {}
        for span in self.spans:
            if span.revision:
                found[span.revision] = found.get(span.revision, 0) + span.parts
        return found


@message
class Fleet:
    """What the registry shows at one moment."""

    epoch: str  # changes when the broker has come back empty
    announcements: Sequence[Announcement] = ()
    known_names: frozenset[str] = frozenset()  # every model name with a card, live or not
    defaults: Mapping[str, str] = field(default_factory=dict)  # task → name of the model that answers for it unnamed
    traffic: Mapping[str, Traffic] = field(default_factory=dict)  # by model name, where an operator has shared it out


@message
class Claim:
    """What one DRAIN gave a batcher."""

    batch: str
    jobs: Sequence[Job] = ()
    spoiled: Sequence[str] = ()  # ids of claimed jobs whose bytes are not a job: to be failed
    left: int = 0  # jobs still waiting, suspects included
    suspects: int = 0  # suspects still waiting
    claimed: float = 0.0  # seconds, the broker's clock
    closed_by: str = (
        "empty"  # size | tokens | bytes | suspects | empty: what ended it; again: the last answer, repeated
    )


@message
class Finish:
    """What ended of one batch."""

    batch: str
    results: Sequence[Result] = ()
    done: bool  # nothing of it is left: its lease goes


@message
class Depth:
    """A model's waiting jobs at one moment."""

    jobs: int = 0
    tokens: int = 0
    oldest_age: float = 0.0  # seconds since the oldest waiting job was admitted


@message
class Pulse:
    """What a beat brought back."""

    cancelled: frozenset[str] = frozenset()  # ids of live jobs that nobody waits for any more
    lost: frozenset[str] = frozenset()  # batches whose lease is gone: others may compute them
    epoch: str = ""
    limits: Limits | None = None  # live limits, where an operator has set some


@message
class DeadLetter:
    """A job that crashed its batcher three times, set aside for the operator."""

    job_id: str
    model: str
    meta: Mapping[str, str] = field(default_factory=dict, compare=False)  # the job's, where that can be read
