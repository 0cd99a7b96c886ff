"""How an inference goes where there is a cache: what that has is not encoded, and what was computed is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from broker.messages import Lane
from server.api.incoming import Incoming
from server.cache.lookup import Lookup
from server.codecs.encoding import INLINE, weight
from server.codecs.pool import LARGE
from server.codecs.work import Work
from server.dialects.contract import Call, RequestReader
from server.front_end import FrontEnd
from server.http.context import RequestContext
from server.requests.request import Record

Check = Callable[[Call], None]
Compute = Callable[[Call, Sequence[Record], Lane, RequestContext, Work], Awaitable[object]]


class CachedInference:
    """Of one address. `check` refuses what no record could be computed with."""

    def __init__(self, front_end: FrontEnd, reader: RequestReader, *, check: Check, compute: Compute) -> None:
        self._front_end = front_end
        self._reader = reader
        self._check = check
        self._compute = compute

    async def prepared(
        self, lookup: Lookup, incoming: Incoming, work: Work, lane: Lane, *, has_pictures: bool, is_plain: bool
    ) -> tuple[Call, list[Record]]:
        """What is asked, with a plan for each input that the cache does not have."""
        size = incoming.size
        if size > INLINE or has_pictures:
            read = partial(self._read_named, incoming, lookup)
            call, digests = await self._front_end.pool.run(read, size, work, has_pictures=has_pictures)
        else:
            call, digests = self._read_named(incoming, lookup)
        is_short = incoming.context.pump is None and (is_plain or call.row_ids is None)
        records = await lookup.find(call, digests, lane, is_short=is_short)
        await self._encode(call, lookup.missed, work)
        return call, records

    def _read_named(self, incoming: Incoming, lookup: Lookup) -> tuple[Call, Sequence[bytes]]:
        call = self._reader.read(incoming)
        self._check(call)
        return call, lookup.digests(call, incoming.context.caller)  # now: a body may have brought the key

    async def _encode(self, call: Call, missed: Sequence[Record], work: Work) -> None:
        if missed:
            codec, inputs, beside = call.served.codec, [record.input for record in missed], call.beside * len(missed)
            plans = await self._front_end.pool.encode(codec, inputs, call.options, work, beside)
            for record, plan in zip(missed, plans, strict=True):
                record.follow(codec, plan)

    async def keep(self, lookup: Lookup, call: Call, records: Sequence[Record], work: Work) -> None:
        """What was computed."""
        size = weight([output for record in records for output in record.outputs.values()], LARGE)
        if size <= INLINE:
            landing = lookup.entries(call, records)
        else:
            landing = await self._front_end.pool.run(partial(lookup.entries, call, records), size, work.again())
        lookup.land(landing)

    async def arrived(
        self, lookup: Lookup, call: Call, records: Sequence[Record], context: RequestContext, work: Work
    ) -> Call:
        """Wait for what others compute, and compute what they leave. Returns the call as `encoded` has it then."""
        while lookup.has_joined:
            missed = await lookup.arrive()
            if missed:
                await self._encode(call, missed, work.again())
                await self._compute(call, missed, lookup.lane, context, work.again())
                await self.keep(lookup, call, missed, work)
        return call.dialect.encoded(call, records)
