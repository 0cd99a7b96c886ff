"""How the records of a prediction go out: all at once where they fit into the batchers' room, else in portions.

A large prediction never fills a lane. Each portion is a request of its own, so it is encoded anew, refused and brought
to a broker that came back empty as any other; one that is refused is tried again, and no record that has ended is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from broker.messages import Lane
from server.codecs.work import Work
from server.dialects.contract import Call
from server.errors import ASKS_TO_COME_BACK, Problem, whole_seconds
from server.fleet.directory import Served
from server.front_end import FrontEnd
from server.http.context import RequestContext
from server.http.timing import Stages, stages
from server.predictions.lane_share import room_of
from server.predictions.large.progress import Progress
from server.requests.request import PendingRequest, Record

log = structlog.get_logger("server.predictions")

PATIENCE = 120.0  # seconds until jobs count as lost, as in a broker's last second; twice as long each time
PARTS = 2  # portions of a room: the next is on its way before a batcher has done the last of those before


@dataclass(slots=True)
class Portion:
    """Records that go out together, and what they cost."""

    records: list[Record] = field(default_factory=list)
    jobs: int = 0
    tokens: int = 0

    def add(self, record: Record) -> None:
        self.records.append(record)
        self.jobs += len(record.plan.pieces)
        self.tokens += record.cost


class Pump:
    """Of one prediction, whose runs go on where the last one ended."""

    def __init__(
        self,
        id: str,
        front_end: FrontEnd,
        who: Mapping[str, str],
        before_portions: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`who`: what names its request in the log. `before_portions`: whoever holds a share of the lane for it gives
        that back, for each portion has its own."""
        self._front_end, self._before_portions = front_end, before_portions
        self._progress = Progress(id, front_end.tasks.predictions, front_end.pool, who)

    async def load(self) -> None:
        """Go on where another front end has ended. Raises `Problem` while the broker is away."""
        await self._progress.load()

    async def compute(
        self, call: Call, records: list[Record], deadline: float, lane: Lane, work: Work, context: RequestContext
    ) -> Stages | None:
        """Every record then has its outputs or its problem, and the context who answered. Returns where the time went,
        of the portion that took longest; None: nothing was computed. Raises `Problem`."""
        left = self._progress.continue_with(records, call)
        flow = Flow(self._front_end, self._progress, call, records, deadline, lane, work, context)
        await flow.run(left, self._before_portions)
        if models := self._progress.models:
            context.model = ", ".join(models).encode("ascii")
        return flow.spent


class Flow:
    """One run."""

    def __init__(
        self,
        front_end: FrontEnd,
        progress: Progress,
        call: Call,
        records: Sequence[Record],
        deadline: float,
        lane: Lane,
        work: Work,
        context: RequestContext,
    ) -> None:
        self._front_end = front_end
        self._progress = progress
        self._call = call
        self._places = {record: place for place, record in enumerate(records)}
        self._deadline = deadline
        self._lane = lane
        self._work = work
        self._context = context
        self._served = call.served
        self._left: deque[Record] = deque()
        self.spent: Stages | None = None

    async def run(
        self, records: Sequence[Record], before_portions: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        whole = Portion()
        for record in records:
            whole.add(record)
        if self._fits(whole):
            await self._send_until_ended(whole.records)
            return
        if before_portions is not None:
            await before_portions()
        self._left.extend(records)
        keeping = asyncio.ensure_future(self._progress.keep())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._next(group))
        except BaseExceptionGroup as several:
            raise _first(several) from None
        finally:
            keeping.cancel()

    async def _next(self, group: asyncio.TaskGroup) -> None:
        """One portion, and once it is out the one after it: who asks for one at a time shares the lane with others."""
        portion, share = self._portion(), self._front_end.lane_share
        async with share.of(self._latest(), self._lane, portion.jobs, portion.tokens):
            if self._left:
                group.create_task(self._next(group))
            await self._send_until_ended(portion.records)

    def _portion(self) -> Portion:
        """The next records, at least one."""
        served, portion = self._latest(), Portion()
        most_jobs, most_tokens = room_of(served) // PARTS, served.token_capacity.room // PARTS
        while self._left:
            record = self._left[0]
            jobs, tokens = portion.jobs + len(record.plan.pieces), portion.tokens + record.cost
            if portion.records and (jobs > most_jobs or (most_tokens and tokens > most_tokens)):
                break
            portion.add(self._left.popleft())
        return portion

    def _fits(self, portion: Portion) -> bool:
        served = self._latest()
        most_tokens = served.token_capacity.room
        return portion.jobs <= room_of(served) and not (most_tokens and portion.tokens > most_tokens)

    async def _send_until_ended(self, records: Sequence[Record]) -> None:
        """What is refused keeps its share of the lane while it waits: whoever came after it would be refused as well.
        For jobs that are lost nobody waits until the deadline, which may be a day away."""
        patience = PATIENCE
        while True:
            try:
                await self._send(records, patience)
                return
            except TimeoutError:
                what = {"model": self._served.card.key, "records": len(records), "after": patience}
                log.warning("jobs sent again", **self._context.identity, **what)
                patience, wait = 2 * patience, 0
            except Problem as problem:
                if problem.status not in ASKS_TO_COME_BACK:
                    raise
                wait = whole_seconds(problem.retry_after)
            await asyncio.sleep(wait)
            records = [record for record in records if _is_open(record)]
            for record in records:
                record.follow(record.codec, record.plan)

    async def _send(self, records: Sequence[Record], patience: float) -> None:
        """Until each has its outputs or its problem. Raises `Problem` where they are refused, and `TimeoutError`."""
        self._served = served = self._latest()
        await self._encode_anew(records, served)
        call, pending, clock = self._call, self._front_end.pending, self._front_end.clock
        started, work, asker = clock(), self._work.again(), self._context
        with pending.expect(served, records, call.options, self._deadline, self._lane, work, asker) as request:
            request.is_part = call.row_ids is None and len(records) < len(self._places)
            pending.admit(request)
            async with asyncio.timeout(patience):
                await request
        self._note(records, served, request, clock() - started)

    def _latest(self) -> Served:
        """Its model as it is now: another revision may have taken over, or another batcher have come."""
        directory, card = self._front_end.tasks.discovery.directory, self._served.card
        revisions = directory.revisions.get(card.name, ())
        same = next((one for one in revisions if one.card.key == card.key), self._served)
        return same if self._context.is_pinned else directory.successor(card) or same

    async def _encode_anew(self, records: Sequence[Record], served: Served) -> None:
        old = [record for record in records if record.codec is not served.codec and record.problem is None]
        if not old:
            return
        inputs, options = [record.input for record in old], self._call.options
        plans = await self._front_end.pool.encode(served.codec, inputs, options, self._work.again())
        for record, plan in zip(old, plans, strict=True):
            record.follow(served.codec, plan)

    def _note(self, records: Sequence[Record], served: Served, request: PendingRequest, elapsed: float) -> None:
        if request.timing is not None:
            spent = stages(request.timing, elapsed)
            self.spent = max(self.spent or spent, spent, key=_seconds)
        first, last = served.card.key, request.served.card.key
        ended = [(self._places[one], one, first if one.codec is served.codec else last) for one in records]
        self._progress.add(ended)


def _seconds(spent: Stages) -> float:
    return spent.queue + spent.window + spent.compute


def _is_open(record: Record) -> bool:
    return record.problem is None and len(record.outputs) < len(record.plan.pieces)


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = several
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
