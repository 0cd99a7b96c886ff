"""One request's way out row by row: each record is sent as it ends, as fast as its client reads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial

from starlette.types import Receive, Scope, Send

from broker.messages import Lane
from server.cache.lookup import Landing
from server.codecs.encoding import INLINE, weight
from server.codecs.work import Work
from server.dialects.contract import Call, Row
from server.dialects.native import row
from server.errors import INTERNAL_DETAIL, ClientGone, Problem
from server.front_end import FrontEnd
from server.http.bytes_in_hand import Held
from server.http.timing import Stages, stages
from server.json import to_json
from server.requests.reporting import count, log_failed, who_answered
from server.requests.request import PendingRequest, Record
from server.streams.forms import Form
from server.streams.portions import portion, size_of

HEARTBEAT = 15.0  # seconds of silence, after which proxies are told that the stream lives
CRASHED = {"code": "internal", "message": INTERNAL_DETAIL}
HEADERS = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]  # the latter is read by nginx and its kin

Made = tuple[Sequence[Row | Problem], bytes, Landing]  # each record's fields or problem, their rows, what is kept


class RowStream:
    """The head goes out with the first record that has an answer, and failures before it wait for it. So a status is
    what it is in a call without a stream, where all fail too."""

    def __init__(
        self, front_end: FrontEnd, form: Form, call: Call, records: Sequence[Record], held: Held, scope: Scope
    ) -> None:
        self._front_end = front_end
        self._form = form
        self._call = call
        self._records = records
        self._held = held
        self._scope = scope
        self._places = {record: place for place, record in enumerate(records)}
        self._unsent = dict.fromkeys(records)
        self._ended: deque[Record] = deque()  # that are to be sent, first ended first
        self._early: list[Record] = []  # that failed before any had an answer
        self._sizes: dict[Record, int] = {}  # bytes of outputs that wait for their client
        self._woken = asyncio.Event()  # a record has ended, or all, or it was silent for too long
        self._is_silent = False
        self._has_begun = False
        self._last = 0  # bytes that were handed over and that the client may not have taken
        self._failed = 0
        self._spent: Stages | None = None

    async def run(self, receive: Receive, send: Send, seconds: float, lane: Lane, work: Work) -> None:
        """Until the last row is sent. Raises `Problem` as long as nothing is, and `ClientGone`."""
        self._to_client = send
        self._work = work
        try:
            await self._send_in_time(receive, seconds, lane)
            await self._send_rest()
        except (Problem, ClientGone):
            raise
        except Exception:
            if self._has_begun:
                await self._send(self._event(b"error", {"done": False, "error": CRASHED}), more=False)
            raise

    async def _send_in_time(self, receive: Receive, seconds: float, lane: Lane) -> None:
        """What ends before the deadline. What does not, or is refused on the way, then has a problem."""
        started = self._scope["context"].started
        try:
            with self._front_end.deadlines.over(receive, started, seconds) as deadline:
                deadline.listen()
                await self._follow(deadline.ends_at, lane)
        except Problem as problem:
            if not self._has_begun:
                raise
            for record in self._unsent:
                if not record.has_ended:
                    record.problem = _again(problem)

    async def _follow(self, deadline: float, lane: Lane) -> None:
        call, pending, clock = self._call, self._front_end.pending, self._front_end.clock
        context, started = self._scope["context"], clock()
        with pending.expect(call.served, self._records, call.options, deadline, lane, self._work, context) as one:
            # Those without a job wait for the others' first outcome: until then all may be refused.
            self._ended.extend(record for record in self._records if record.has_ended)
            one.tell(self._record_ended, self._woken.set)
            pending.admit(one)
            while one.is_awaited:
                await self._wait()
                if not one.is_awaited:
                    await one  # raises where it was refused
                self._name(one)
                await self._send_ended()
            await one
            self._name(one)
        if one.timing is not None:
            self._spent = stages(one.timing, clock() - started)
            self._front_end.metrics.computed(call.served.card.name, self._spent)

    def _record_ended(self, record: Record) -> None:
        self._sizes[record] = size = sum([size_of(output) for output in record.outputs.values()])
        self._held.add(size)
        self._ended.append(record)
        self._woken.set()

    async def _wait(self) -> None:
        """Until there is something to send. A silence that grows long is broken."""
        beat = None
        if self._has_begun and self._form.heartbeat:
            beat = asyncio.get_running_loop().call_later(HEARTBEAT, self._break_silence)
        try:
            await self._woken.wait()
        finally:
            if beat is not None:
                beat.cancel()
        self._woken.clear()
        if self._is_silent:
            self._is_silent = False
            await self._send(self._form.heartbeat)

    def _break_silence(self) -> None:
        self._is_silent = True
        self._woken.set()

    def _name(self, request: PendingRequest) -> None:
        """Who answers, where that has changed on the way: the head says it as it is then, the end as it was. And how
        long it has taken so far, for the history."""
        if (note := self._scope["context"].note) is not None and request.timing is not None:
            note.spent = stages(request.timing, 0.0)
        if request.generation:
            self._scope["context"].model = who_answered(self._call, self._records, request.served)

    async def _send_ended(self) -> None:
        while self._ended:
            await self._send_rows(portion(self._ended))

    async def _send_rest(self) -> None:
        """Every record has ended. Raises the first one's `Problem` where all have one."""
        rest = deque(record for record in self._unsent if record not in self._early)
        while rest:
            await self._send_rows(portion(rest))
        if self._early and (problem := self._records[0].problem) is not None:
            self._count(self._records, [record.problem or problem for record in self._records])
            self._log_failed()
            raise _again(problem)
        if self._failed:
            self._log_failed()
        await self._send(self._event(b"done", self._end()), more=False)

    def _log_failed(self) -> None:
        log_failed(self._call, self._records, [record.problem for record in self._records], self._scope)

    async def _send_rows(self, ended: list[Record]) -> None:
        records = [*self._early, *ended]
        answers, rows, landing = await self._made(records)
        if (lookup := self._scope["context"].lookup) is not None:
            lookup.land(landing)
        for record, answer in zip(records, answers, strict=True):
            record.problem = answer if isinstance(answer, Problem) else None
        if not self._has_begun and all(isinstance(answer, Problem) for answer in answers):
            self._early = records
            return
        await self._send(rows)
        self._early = []
        self._count(records, answers)
        if (note := self._scope["context"].note) is not None:
            note.sent(records, answers)
        self._front_end.metrics.streamed_records[(self._call.served.card.name,)] += len(records)
        for record in records:
            self._let_go(record)

    def _let_go(self, record: Record) -> None:
        del self._unsent[record]
        self._held.add(-self._sizes.pop(record, 0))
        record.outputs, record.known = {}, b""

    def _count(self, records: Sequence[Record], answers: Sequence[Row | Problem]) -> None:
        self._failed += count(self._front_end.metrics, self._call.served.card, records, answers)

    async def _made(self, records: Sequence[Record]) -> Made:
        """In a thread where outputs are large."""
        size = sum([weight(record.values()) for record in records])
        if size > INLINE:
            try:
                return await self._front_end.pool.run(partial(self._decode, records), size, self._work)
            except Problem as problem:  # too many stand in line there
                for record in records:
                    record.problem = record.problem or _again(problem)
        return self._decode(records)

    def _decode(self, records: Sequence[Record]) -> Made:
        lookup = self._scope["context"].lookup
        landing = [] if lookup is None else lookup.entries(self._call, records)
        answers = [record.answer() for record in records]
        sent = len(self._records) - len(self._unsent)
        rows = [
            self._event(b"record", self._row(record, answer), sent=sent + number)
            for number, (record, answer) in enumerate(zip(records, answers, strict=True), start=1)
        ]
        return answers, b"".join(rows), landing

    def _row(self, record: Record, answer: Row | Problem) -> Row:
        """That of the reply without a stream, and the place of the record in the request: ids may come twice."""
        assert self._call.row_ids is not None
        place = self._places[record]
        told = row(self._call.row_ids[place], answer)
        return {"id": told["id"], "index": place} | told | {"index": place}

    def _event(self, kind: bytes, told: Row, sent: int | None = None) -> bytes:
        sent = len(self._records) - len(self._unsent) if sent is None else sent
        return self._form.event(kind, sent, to_json(told))

    def _end(self) -> Row:
        """What says that all is said."""
        context = self._scope["context"]
        told: Row = {"done": True, "records": len(self._records), "failed": self._failed}
        told["model"] = context.model.decode("ascii")
        if self._call.warnings:
            told["warnings"] = self._call.warnings
        if self._spent is not None and self._front_end.settings.server_timing:
            told["timing"] = self._spent.told()
        return told

    async def _send(self, data: bytes, *, more: bool = True) -> None:
        """Waits as long as the client has most of what it got still to read. Cancelled, it has sent nothing."""
        if not self._has_begun:
            headers = [(b"content-type", self._form.media_type), *HEADERS]
            await self._to_client({"type": "http.response.start", "status": 200, "headers": headers})
            self._has_begun = True
        self._held.add(len(data) - self._last)
        self._last = len(data)
        await self._to_client({"type": "http.response.body", "body": data, "more_body": more})


def _again(problem: Problem) -> Problem:
    """The same without its traceback, whose frames hold what the problem is kept in: only the garbage collector, which
    is rare, would free all that."""
    return Problem(problem.code, problem.detail, retry_after=problem.retry_after, **problem.extra)
