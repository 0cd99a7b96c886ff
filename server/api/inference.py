"""How every task answers: read the envelope, encode, go through the door, decode, reply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from broker.messages import FailureCode, Lane
from server.api.schema import Id
from server.api.schema import Record as Asked
from server.codecs.contract import CodecError
from server.codecs.encoding import INLINE, decode, encode_all, weight
from server.codecs.work import Work
from server.errors import Problem, problem_of
from server.fleet.directory import Served
from server.front_end import FrontEnd
from server.http.body import lane_of, read_body, require_json, time_limit
from server.http.bytes_in_hand import Held
from server.http.context import identity
from server.http.timing import Stages, stages
from server.requests.request import Record

log = structlog.get_logger("server")

WRITTEN_AT_ONCE = 65_536  # bytes that a connection buffers before it says that the client is slow
JOBS_TOLD = 16  # ids of failed jobs in one line of the log

to_json = msgspec.json.Encoder().encode
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A body that has been read: which model, which records, which options."""

    served: Served
    records: Sequence[Asked]
    options: Mapping[str, Any]
    warnings: Sequence[str] = ()  # what of it was not understood, and did no harm


Read = Callable[[Scope, bytes], Call]  # raises `Problem`


class Inference:
    """An ASGI endpoint; tasks differ in how they read a body."""

    def __init__(self, front_end: FrontEnd, read: Read) -> None:
        self._front_end = front_end
        self._read = read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings = self._front_end.settings
        headers = dict(scope["headers"])
        seconds = time_limit(headers, settings.default_timeout, settings.max_timeout)
        with self._front_end.bytes_in_hand.hold() as held:
            with self._front_end.deadlines.over(receive, scope["context"].started, seconds) as vigil:
                lane = lane_of(headers)
                require_json(headers, scope["headers"])
                body = await read_body(headers, receive, settings.max_body_bytes, held)
                vigil.listen()
                work = Work(settings.max_queue_jobs, settings.max_queue_tokens, vigil.deadline, self._front_end.clock)
                if len(body) <= INLINE:
                    call, records = self._prepare(scope, body, work)
                else:
                    pool = self._front_end.pool
                    call, records = await pool.run(partial(self._prepare, scope, body, work), len(body), work)
                del body  # its texts are kept
                held.add(work.made_bytes)
                spent = await self._compute(call, records, vigil.deadline, lane, scope, work)
                reply = await self._answered(call, records, scope, work)
            await self._reply(send, reply, spent, held)

    def _prepare(self, scope: Scope, body: bytes, work: Work) -> tuple[Call, list[Record]]:
        """A large body comes here in a thread."""
        call = self._read(scope, body)
        choose(scope, call.served)
        self._check(call)
        codec = call.served.codec
        plans = encode_all(codec, [asked.text for asked in call.records], call.options, work)
        return call, [Record(asked.text, codec, plan) for asked, plan in zip(call.records, plans, strict=True)]

    def _check(self, call: Call) -> None:
        """Raises `Problem` for what no record could be computed with."""
        limit = self._front_end.settings.max_records
        if len(call.records) > limit:
            raise Problem(FailureCode.TOO_LARGE, f"A request may have at most {limit} records.", limit=limit)
        if call.warnings and self._front_end.settings.strict:
            raise Problem(FailureCode.INVALID_INPUT, " ".join(call.warnings))
        try:
            call.served.codec.check(call.options)
        except CodecError as error:
            raise problem_of(error) from error

    async def _compute(
        self, call: Call, records: Sequence[Record], deadline: float, lane: Lane, scope: Scope, work: Work
    ) -> Stages | None:
        """Every record then has its outputs or its problem. Returns where the time went; None: nothing was computed."""
        pending, clock = self._front_end.pending, self._front_end.clock
        started = clock()
        with pending.expect(call.served, records, call.options, deadline, lane, work) as answer:
            pending.admit(answer)
            await answer
        if answer.generation:
            scope["context"].model = _who_answered(call, records, answer.served)
        if answer.timing is None:
            return None
        spent = stages(answer.timing, clock() - started)
        self._front_end.metrics.computed(call.served.card.name, spent)
        return spent

    async def _answered(self, call: Call, records: Sequence[Record], scope: Scope, work: Work) -> bytes:
        """The reply. Raises the first record's `Problem` when every record has one."""
        size = sum([weight(record.outputs.values()) for record in records])
        if size <= INLINE:
            answers, reply = _answer(call, records)
        else:
            answers, reply = await self._front_end.pool.run(partial(_answer, call, records), size, work)
        self._count(call, records, answers, scope)
        return reply

    def _count(self, call: Call, records: Sequence[Record], answers: Sequence[Row | Problem], scope: Scope) -> None:
        metrics, model = self._front_end.metrics, call.served.card.name
        problems = [answer for answer in answers if isinstance(answer, Problem)]
        for record, answer in zip(records, answers, strict=True):
            if record.plan.unknown:
                metrics.unknown_tokens[(model,)] += record.plan.unknown
            if isinstance(answer, dict) and answer.get("truncated") is True:
                metrics.truncated_records[(model,)] += 1
        for problem in problems:
            metrics.failed_records[model, problem.code] += 1
        if problems:
            _log_failed(call, records, scope)
        if problems and len(problems) == len(answers):
            raise problems[0]

    async def _reply(self, send: Send, body: bytes, spent: Stages | None, held: Held) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if spent is not None and self._front_end.settings.server_timing:
            headers.append((b"server-timing", spent.header()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if len(body) > WRITTEN_AT_ONCE:
            held.add(len(body))
            await send({"type": "http.response.body", "body": body, "more_body": True})
            body = b""  # the last word waits until the client has read most of it, and it is in hand until then
        await send({"type": "http.response.body", "body": body})


def _answer(call: Call, records: Sequence[Record]) -> tuple[list[Row | Problem], bytes]:
    """Each record's fields or problem, and all of them as JSON. Large outputs come here in a thread."""
    answers = [record.problem or decode(record.codec, record.plan, record.in_order()) for record in records]
    rows = [_row(asked.id, answer) for asked, answer in zip(call.records, answers, strict=True)]
    reply = {"result": rows}
    return answers, to_json(reply | {"warnings": call.warnings} if call.warnings else reply)


def choose(scope: Scope, served: Served) -> None:
    """This model answers, with a result or with an error: whatever is sent names it (`Jitney-Model`)."""
    scope["context"].model = served.card.key.encode("ascii")


def _who_answered(call: Call, records: Sequence[Record], last: Served) -> bytes:
    """Who answered a request whose model's revision ended on the way: the one after it, and it, if some were done."""
    is_mixed = any(record.codec is call.served.codec for record in records)
    return ", ".join([call.served.card.key] * is_mixed + [last.card.key]).encode("ascii")


def _log_failed(call: Call, records: Sequence[Record], scope: Scope) -> None:
    """Where a request's id meets the ids of its jobs, by which the batcher's lines go. One line, however many."""
    failed = [record for record in records if record.problem is not None]
    jobs = [job for record in failed for job in record.job_ids]
    codes = Counter(record.problem.code for record in failed if record.problem is not None)
    log.info(
        "records failed",
        **identity(scope),
        model=call.served.card.key,
        codes=dict(codes),
        records=len(records),
        jobs=jobs[:JOBS_TOLD],
        more_jobs=max(0, len(jobs) - JOBS_TOLD),
    )


def _row(record_id: Id, fields: Row | Problem) -> Row:
    if isinstance(fields, Problem):
        return {"id": record_id, "error": {"code": fields.code, "message": fields.detail}}
    return {"id": record_id} | fields | {"id": record_id}  # first to read, and no model's own field replaces it
