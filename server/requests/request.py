"""What one request waits for: the outcomes of all jobs of all its records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from broker.messages import Lane, Result, Timing, Value
from server.callers.caller import ANONYMOUS, Caller
from server.codecs.contract import Codec, Input, Plan
from server.codecs.encoding import decode
from server.codecs.work import Work
from server.errors import Problem
from server.fleet.directory import Served

if TYPE_CHECKING:
    from server.http.context import RequestContext

NO_PLAN = Plan()  # of what has no job


class Record(Struct, eq=False):
    """One input on its way: the plan that computes it, and what has come back of it."""

    input: Input
    codec: Codec
    plan: Plan
    problem: Problem | None = None
    job_ids: Sequence[str] = ()
    outputs: dict[str, Value] = {}  # its own: msgspec makes a new one for each
    known: bytes | dict[str, Any] = b""  # its fields, or their JSON, where the cache has them; empty: not there
    known_cost: int = 0  # what those had cost, in tokens
    is_cached: bool = False  # its answer was there, or another request computed it

    __repr__ = object.__repr__  # as a key that is missed it would bring its text into the log

    def follow(self, codec: Codec, plan: Plan | Problem) -> None:
        """Be computed by this plan from now on, or not at all."""
        self.codec = codec
        self.problem = plan if isinstance(plan, Problem) else None
        self.plan = NO_PLAN if isinstance(plan, Problem) else plan
        self.job_ids = ()
        self.outputs = {}
        self.known, self.is_cached = b"", False

    @property
    def cost(self) -> int:
        """Tokens of its jobs."""
        return self.known_cost or sum([piece.cost for piece in self.plan.pieces])

    def values(self) -> Iterable[Value]:
        """What its answer is made of, by whose size one sees how long that takes."""
        return [self.known] if self.known else self.outputs.values()

    def answer(self) -> dict[str, Any] | Problem:
        """Its fields, or why there are none."""
        if self.problem is not None:
            return self.problem
        if not self.known:
            return decode(self.codec, self.plan, self.in_order())
        known = self.known
        return msgspec.json.decode(known, type=dict[str, Any]) if isinstance(known, bytes) else known

    @property
    def has_ended(self) -> bool:
        """It has all its outputs, or a problem; one that needs no job has ended from the beginning."""
        return self.problem is not None or len(self.outputs) == len(self.job_ids)

    def in_order(self) -> list[Value]:
        """The outputs of the pieces, in the order of the plan."""
        return [self.outputs[job] for job in self.job_ids]


class PendingRequest(Struct, eq=False):
    """Counts down its jobs and wakes the one task that waits. `with` says when nobody does any more."""

    served: Served
    records: Sequence[Record]
    options: Mapping[str, Any]
    deadline: float  # seconds, the front end's own clock
    lane: Lane
    work: Work
    asker: RequestContext | None  # whose meta travels with its jobs, untouched; None: nobody is told of
    ids: str  # what the ids of its jobs begin with, and nobody else's
    _done: asyncio.Future[None]
    _forget: Callable[[PendingRequest], None]
    generation: int = 0  # grows when what is left is encoded for another revision
    left: int = 0  # jobs without an outcome
    may_be_queued: bool = False  # the broker may know its jobs
    full: tuple[str, ...] = ()  # revisions that had no room for it
    is_part: bool = False  # of what one revision has to answer: it waits for room there
    charged: str = ""  # the ids under which its caller has it under way, where so many may be at once
    withdrawn: dict[Record, int] = {}  # jobs of records that are being encoded anew
    timing: Timing | None = None  # of the job that took longest
    _longest: float = 0.0  # seconds, its own
    _on_ended: Callable[[Record], None] | None = None

    __repr__ = object.__repr__  # the same

    def __enter__(self) -> PendingRequest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._on_ended = None  # whoever is told is not kept by those who still know this request
        self._done.cancel()  # also when it is done: asyncio then logs no exception that nobody awaited
        self._forget(self)

    @property
    def caller(self) -> Caller:
        return ANONYMOUS if self.asker is None else self.asker.caller

    @property
    def is_pinned(self) -> bool:
        """It names a revision: no other may answer."""
        return self.asker is not None and self.asker.is_pinned

    @property
    def is_awaited(self) -> bool:
        return not self._done.done()

    @property
    def cost(self) -> int:
        """Tokens of all its jobs."""
        return sum(piece.cost for record in self.records for piece in record.plan.pieces)

    def take(self, record: Record, result: Result) -> None:
        """One job is done."""
        record.outputs[result.job_id] = result.output
        seconds = result.timing.total
        if self.timing is None or seconds > self._longest:
            self.timing, self._longest = result.timing, seconds
        if self._on_ended is not None and record.has_ended:
            self._on_ended(record)
        self.count_down(1)

    def tell(self, on_ended: Callable[[Record], None], on_over: Callable[[], None]) -> None:
        """Whoever wants each record as it ends is called with those that end from now on, and once no more will."""
        self._on_ended = on_ended
        self._done.add_done_callback(lambda _: on_over())

    def ended(self, record: Record) -> None:
        """This record waits for nothing any more, though not by a result."""
        if self._on_ended is not None:
            self._on_ended(record)

    def count_down(self, jobs: int) -> None:
        """So many jobs need no waiting for any more; after the last the waiting task goes on."""
        self.left -= jobs
        if self.left <= 0 and not self._done.done():
            self._done.set_result(None)

    def refuse(self, problem: Problem) -> None:
        """The whole request ends here."""
        if self.is_awaited:
            self._done.set_exception(problem)

    def __await__(self) -> Generator[Any, None, None]:
        """Until every job has its outcome. Raises `Problem` if the request was refused."""
        return self._done.__await__()
