"""One request beside the cache: which of its records are known, which another request computes, and what is kept."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from types import TracebackType

from broker.messages import Lane
from server.cache.cache import Cache
from server.cache.directives import Told, directives
from server.cache.entry import Entry
from server.cache.flights import Flight
from server.callers.caller import Caller
from server.codecs.contract import Input
from server.dialects.contract import Call
from server.errors import ClientGone, Problem
from server.requests.request import NO_PLAN, Record

NOT_CACHED = "This was not answered before, or too long ago, and the request says only-if-cached."
PLAIN = frozenset((str, int, float, bool, type(None)))  # which JSON brings back as they were
Landing = list[tuple[Record, Entry | None]]


class Lookup:
    """At the end of its `with` nobody waits for it any more: who does looks again.

    Requests that take long, streams and predictions, neither lead others nor wait for them. It does not hold its
    request's context, which holds it: all of both would stay until the garbage collector runs."""

    def __init__(self, cache: Cache, headers: Mapping[bytes, bytes]) -> None:
        self.missed: list[Record] = []  # which are to be encoded and computed
        self._cache = cache
        self._wanted = directives(headers.get(b"cache-control"))
        self._told = Told()
        self.lane = Lane.INTERACTIVE
        self._is_short = False
        self._digests: dict[Record, bytes] = {}  # of those that are kept once they are computed
        self._led: set[bytes] = set()
        self._joined: dict[Record, tuple[bytes, Flight]] = {}

    def __enter__(self) -> Lookup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Refused or broken off, it may fare no worse than those who wait, so each of them tries; where only its client
        # has gone, the next of them leads.
        has_failed = isinstance(error, Exception) and not isinstance(error, ClientGone)
        for digest in self._led:
            self._cache.flights.end(digest, self.lane, has_failed=has_failed)

    @property
    def has_joined(self) -> bool:
        """Some of its records wait for others' requests."""
        return bool(self._joined)

    @property
    def status(self) -> bytes:
        """As `Cache-Status` has it; empty where there was nothing to look for."""
        return self._told.status(self._wanted)

    def digests(self, call: Call, caller: Caller) -> Sequence[bytes]:
        """Of each input; empty for one that is not kept. Pure: a thread may do it."""
        if self._wanted.writes and call.dialect.is_cacheable:
            owner = self._cache.owner(caller)
            return self._cache.digests.of(call.served.card, call.options, call.inputs, owner)
        return [b""] * len(call.inputs)

    async def find(self, call: Call, digests: Sequence[bytes], lane: Lane, *, is_short: bool) -> list[Record]:
        """A record for each input; an empty digest is never kept. Raises `Problem` (not_cached)."""
        self.lane, self._is_short = lane, is_short
        known = await self._cache.fetch(digests) if self._wanted.reads else {}
        if known and self._wanted.most_age < math.inf:
            known = {digest: entry for digest, entry in known.items() if self._is_young(entry)}
        if self._wanted.only_if_cached and not all(digest in known for digest in digests):
            raise Problem("not_cached", NOT_CACHED)
        inputs = zip(call.inputs, digests, strict=True)
        records = [self._record(call, input, digest, known.get(digest)) for input, digest in inputs]
        self._count(call)
        return records

    def _is_young(self, entry: Entry) -> bool:
        is_young = self._cache.clock() - entry.made <= self._wanted.most_age
        self._told.aged += not is_young
        return is_young

    def _record(self, call: Call, input: Input | Problem, digest: bytes, entry: Entry | None) -> Record:
        codec = call.served.codec
        if isinstance(input, Problem):
            return Record(b"", codec, NO_PLAN, input)
        record = Record(input, codec, NO_PLAN)
        if entry is not None:
            self._told.hits += 1
            self._take(record, entry)
        elif digest:
            self._join_or_miss(record, digest)
        else:
            self.missed.append(record)
        return record

    def _take(self, record: Record, entry: Entry) -> None:
        record.known, record.known_cost, record.problem = entry.fields, entry.cost, entry.problem
        record.is_cached = True
        self._told.ttl = min(self._told.ttl, entry.ends - self._cache.clock())

    def _join_or_miss(self, record: Record, digest: bytes) -> None:
        flight = self._cache.flights.of(digest, self.lane) if self._is_short else None
        if flight is not None and self._wanted.reads:
            self._joined[record] = digest, flight
            return
        self._miss(record, digest)
        if flight is None and self._is_short:
            self._cache.flights.lead(digest, self.lane)
            self._led.add(digest)

    def _miss(self, record: Record, digest: bytes) -> None:
        self.missed.append(record)
        self._digests[record] = digest

    def _count(self, call: Call) -> None:
        told, model, counts = self._told, call.served.card.name, self._cache.records
        told.misses, told.joined = len(self._digests), len(self._joined)
        told.bypassed = 0 if self._wanted.writes else len(self.missed)
        found = ("hit", told.hits), ("miss", told.misses), ("joined", told.joined), ("bypass", told.bypassed)
        for result, records in found:
            if records:
                counts[model, result] += records

    async def arrive(self) -> list[Record]:
        """Wait for the first that others compute. Returns those that they have left undone, to be computed here: each
        unless somebody else computes it by now."""
        await asyncio.wait({flight.over for _, flight in self._joined.values()}, return_when=asyncio.FIRST_COMPLETED)
        joined, self._joined, self.missed = self._joined, {}, []
        for record, (digest, flight) in joined.items():
            if not flight.is_over:
                self._joined[record] = digest, flight
            elif (entry := flight.entry or self._cache.memory.get(digest, self._cache.clock())) is not None:
                self._take(record, entry)
            elif flight.has_failed:
                self._miss(record, digest)
            else:
                self._join_or_miss(record, digest)
        return self.missed

    def entries(self, call: Call, records: Sequence[Record]) -> Landing:
        """What is kept of these, for `land`. Pure: a thread may do it. Answers of another revision are not kept."""
        codec, digests = call.served.codec, self._digests
        return [self._landing(record, is_kept=record.codec is codec) for record in records if record in digests]

    def _landing(self, record: Record, *, is_kept: bool) -> tuple[Record, Entry | None]:
        """A record, which has its fields then as the next has them from the cache, and what is kept of it."""
        answer = record.answer()
        entry = self._cache.entry(answer, record.cost) if is_kept else None
        if entry is not None and not isinstance(answer, Problem):
            is_plain = all([value.__class__ in PLAIN for value in answer.values()])
            record.known = answer if is_plain else entry.fields
        return record, entry

    def land(self, landing: Landing) -> None:
        """Keep them, and answer who waits for them."""
        for record, entry in landing:
            digest = self._digests.pop(record)
            if entry is not None:
                self._told.stored += 1
                self._cache.keep(digest, entry)
            if digest in self._led:
                self._led.remove(digest)
                self._cache.flights.end(digest, self.lane, entry, has_failed=entry is None)
