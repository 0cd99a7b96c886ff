"""How every inference is answered, whatever its dialect: read, encode, wait for the jobs, decode, reply."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from starlette.types import Receive, Scope, Send

from broker.messages import FailureCode, Lane
from server.api.incoming import Incoming
from server.api.limits import most_bytes, most_records
from server.cache.inference import CachedInference
from server.cache.lookup import Lookup
from server.codecs.contract import Codec, Input, Plan
from server.codecs.encoding import INLINE, encode_all, weight
from server.codecs.errors import CodecError
from server.codecs.pool import LARGE
from server.codecs.work import Work
from server.dialects.contract import Call, RequestReader, Row
from server.errors import Problem, problem_of
from server.fleet.directory import AT
from server.front_end import FrontEnd
from server.http.bodies import Bodies
from server.http.body import lane_of, time_limit
from server.http.bytes_in_hand import Held
from server.http.context import RequestContext
from server.http.timing import Stages, stages
from server.requests.reporting import count, log_failed, who_answered
from server.requests.request import NO_PLAN, Record
from server.streams.accept import form_of
from server.streams.rows import RowStream

UNANSWERED = "unanswered"  # its client has gone, or it crashed
WRITTEN_AT_ONCE = 65_536  # bytes that a connection buffers before it says that the client is slow

Made = tuple[Sequence[Row | Problem], bytes | Problem]  # each record's fields or problem, and the reply


class Inference:
    """The ASGI endpoint of one address."""

    def __init__(self, front_end: FrontEnd, reader: RequestReader) -> None:
        self._front_end = front_end
        self._reader = reader
        self._max_body_bytes = most_bytes(front_end.settings, reader.times)
        self._max_records = most_records(front_end.settings, reader.times)
        self._max_made_bytes = min(front_end.settings.max_queue_bytes, front_end.settings.max_bytes_in_hand)
        self._cached = CachedInference(front_end, reader, check=self._check, compute=self._compute_at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cache, context, code = self._front_end.cache, scope["context"], UNANSWERED
        try:
            if cache is None:
                await self._answer(scope, receive, send)
            else:
                with Lookup(cache, context.headers) as context.lookup:
                    await self._answer(scope, receive, send)
            code = "ok"
        except Problem as problem:
            code = problem.code
            self._front_end.metrics.missed(problem.unserved)
            raise
        finally:
            if context.is_shared:
                self._count_traffic(context, code)

    def _count_traffic(self, context: RequestContext, code: str) -> None:
        model, _, revision = context.model.decode("ascii").rpartition(", ")[2].partition(AT)
        self._front_end.metrics.answered_by(model, revision, code, self._front_end.clock() - context.started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings, context = self._front_end.settings, scope["context"]
        context.refuse = self._reader.refuse
        headers = context.headers
        seconds = context.time_left or time_limit(headers, settings.default_timeout, settings.max_timeout)
        form = form_of(headers, scope.get("http_version", "1.1"))
        with self._front_end.bytes_in_hand.hold() as held:
            with self._front_end.deadlines.over(receive, context.started, seconds) as deadline:
                lane = lane_of(headers)
                incoming = Incoming(self._front_end, scope)
                bodies = self._reader.takes(incoming)
                await incoming.arrive(bodies, self._most_bytes(bodies), receive, held)
                deadline.listen()
                work = self._work(deadline.ends_at)
                if (lookup := context.lookup) is None:
                    call, records = await self._prepared(incoming, work, has_pictures=bodies.has_pictures)
                else:
                    call, records = await self._cached.prepared(
                        lookup, incoming, work, lane, has_pictures=bodies.has_pictures, is_plain=form is None
                    )
                del incoming  # with the body; its texts or pictures are kept
                held.add(work.made_bytes)
                if context.note is not None:
                    context.note.asked(call, records, lane)
                call = call.dialect.encoded(call, records)  # behind the note: what it refuses is noted
                if form is None or call.row_ids is None:
                    spent = await self._compute(call, records, lane, scope, work)
                    if lookup is not None:
                        await self._cached.keep(lookup, call, lookup.missed, work)
                        if lookup.has_joined:
                            call = await self._cached.arrived(lookup, call, records, context, work)
                    reply = await self._answered(call, records, scope, work, held)
            if form is not None and call.row_ids is not None:
                rows = RowStream(self._front_end, form, call, records, held, scope)
                await rows.run(receive, send, seconds, lane, work)
            else:
                await self._reply(send, reply, spent, held)

    async def read_only(self, scope: Scope, receive: Receive) -> tuple[bytes, Call]:
        """The body of a request that is to be computed later, and what it asks for. Raises `Problem`."""
        front_end, context = self._front_end, scope["context"]
        context.refuse = self._reader.refuse
        over, seconds = front_end.deadlines.over, front_end.settings.default_timeout
        with front_end.bytes_in_hand.hold() as held, over(receive, context.started, seconds) as deadline:
            incoming = Incoming(front_end, scope)
            bodies = self._reader.takes(incoming)
            await incoming.arrive(bodies, self._most_bytes(bodies), receive, held)
            size, work = incoming.size, self._work(deadline.ends_at)
            if size > INLINE or bodies.has_pictures:
                call = await front_end.pool.run(partial(self._reader.read, incoming), size, work)
            else:
                call = self._reader.read(incoming)
            self._check(call)
            return incoming.body, call

    def _most_bytes(self, bodies: Bodies) -> int:
        return self._front_end.settings.max_image_body_bytes if bodies.has_pictures else self._max_body_bytes

    def _work(self, deadline: float) -> Work:
        settings, most = self._front_end.settings, self._max_made_bytes
        jobs, tokens, pixels = settings.max_queue_jobs, settings.max_queue_tokens, settings.max_pixels
        return Work(jobs, tokens, deadline, self._front_end.clock, pixels, most)

    async def _prepared(self, incoming: Incoming, work: Work, *, has_pictures: bool) -> tuple[Call, list[Record]]:
        size, pool = incoming.size, self._front_end.pool
        if size > INLINE or has_pictures:
            prepare = partial(self._prepare, incoming, work)
            return await pool.run(prepare, size, work, has_pictures=has_pictures)
        call = self._reader.read(incoming)
        size = call.beside * len(call.inputs)  # a small body may ask for much: a hundred labels, for each of its texts
        return (
            self._encode(call, work)
            if size <= INLINE
            else await pool.run(partial(self._encode, call, work), size, work)
        )

    def _prepare(self, incoming: Incoming, work: Work) -> tuple[Call, list[Record]]:
        """What is asked, with a plan for each input. A large body and pictures come here in a thread."""
        return self._encode(self._reader.read(incoming), work)

    def _encode(self, call: Call, work: Work) -> tuple[Call, list[Record]]:
        self._check(call)
        codec = call.served.codec
        plans = encode_all(codec, call.inputs, call.options, work)
        return call, [_record(input, codec, plan) for input, plan in zip(call.inputs, plans, strict=True)]

    def _check(self, call: Call) -> None:
        """Raises `Problem` for what no record could be computed with."""
        limit = self._max_records
        if len(call.inputs) > limit:
            raise Problem(FailureCode.TOO_LARGE, f"A request may have at most {limit} records.", limit=limit)
        if call.warnings and self._front_end.settings.strict:
            raise Problem(FailureCode.INVALID_INPUT, " ".join(call.warnings))
        try:
            call.served.codec.check(call.options)
        except CodecError as error:
            raise problem_of(error) from error

    async def _compute(self, call: Call, records: list[Record], lane: Lane, scope: Scope, work: Work) -> Stages | None:
        """Every record then has its outputs or its problem. Returns where the time went; None: nothing was computed."""
        context = scope["context"]
        if context.pump is None:
            spent = await self._compute_at_once(call, records, lane, context, work)
        else:
            spent = await context.pump.compute(call, records, work.deadline, lane, work, context)
        if spent is not None:
            self._front_end.metrics.computed(call.served.card.name, spent)
            if context.note is not None:
                context.note.spent = spent
        return spent

    async def _compute_at_once(
        self, call: Call, records: Sequence[Record], lane: Lane, context: RequestContext, work: Work
    ) -> Stages | None:
        pending, clock = self._front_end.pending, self._front_end.clock
        started = clock()
        with pending.expect(call.served, records, call.options, work.deadline, lane, work, context) as request:
            pending.admit(request)
            await request
        if request.generation:
            context.model = who_answered(call, records, request.served)
        return None if request.timing is None else stages(request.timing, clock() - started)

    async def _answered(self, call: Call, records: Sequence[Record], scope: Scope, work: Work, held: Held) -> bytes:
        """The reply. Raises the first record's `Problem` when every record has one, or the dialect's choice of them."""
        answers, reply = await self._made(call, records, work, held)
        self._count(call, records, answers, scope)
        if isinstance(reply, Problem):
            raise reply
        return reply

    async def _made(self, call: Call, records: Sequence[Record], work: Work, held: Held) -> Made:
        """Each record's fields or problem, and the reply that they make: in a thread where outputs are large."""
        size = weight([value for record in records for value in record.values()], LARGE)
        if size <= INLINE:
            return self._decode(call, records)
        return await self._front_end.pool.run(partial(self._decode, call, records), size, work)

    def _decode(self, call: Call, records: Sequence[Record]) -> Made:
        answers = call.dialect.decoded(call, records)
        return answers, self._written(call, answers)

    def _written(self, call: Call, answers: Sequence[Row | Problem]) -> bytes | Problem:
        problem = answers[0] if answers else None
        if isinstance(problem, Problem) and all([isinstance(answer, Problem) for answer in answers]):
            return problem
        try:
            return call.dialect.write(call, answers)
        except Problem as unwritable:
            return unwritable

    def _count(self, call: Call, records: Sequence[Record], answers: Sequence[Row | Problem], scope: Scope) -> None:
        failed = count(self._front_end.metrics, call.served.card, records, answers)
        context = scope["context"]
        context.counts = (len(records), failed)
        if context.note is not None:
            context.note.answered(answers)
        if failed:
            log_failed(call, records, answers, scope)

    async def _reply(self, send: Send, body: bytes, spent: Stages | None, held: Held) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if spent is not None and self._front_end.settings.server_timing:
            headers.append((b"server-timing", spent.header()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if len(body) > WRITTEN_AT_ONCE:
            held.add(len(body))
            await send({"type": "http.response.body", "body": body, "more_body": True})
            body = b""  # the next send waits until the client has read most of it, and it is in hand until then
        await send({"type": "http.response.body", "body": body})


def _record(input: Input | Problem, codec: Codec, plan: Plan | Problem) -> Record:
    known = b"" if isinstance(input, Problem) else input  # what has no job is never encoded again
    return Record(known, codec, plan) if isinstance(plan, Plan) else Record(known, codec, NO_PLAN, plan)
