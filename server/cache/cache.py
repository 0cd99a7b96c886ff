"""Where the answers of this front end are kept: in its memory, and on a server that all share where there is one."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from broker.messages import FailureCode
from server.cache.digest import Digests
from server.cache.entry import Entry, Sealed, entry_of_problem
from server.cache.flights import Flights
from server.cache.memory import AnswerMemory
from server.cache.remote import CacheServer
from server.callers.caller import ANONYMOUS, Caller
from server.errors import Problem
from server.json import to_json
from server.metrics import Labels

# Seconds that a problem is kept which every such input has; others may be gone with the next try.
PROBLEMS: Mapping[str, float] = {
    FailureCode.INVALID_INPUT: 60.0,
    "unknown_language": 60.0,
    FailureCode.POISON: 600.0,  # each try ends three batchers
}
UNWRITABLE = (TypeError, ValueError, OverflowError, RecursionError)  # as of half a character
DEGENERATE = 60.0  # seconds that an answer is kept which nobody wants for days


class Cache:
    """Of one front end."""

    def __init__(
        self,
        memory: AnswerMemory,
        secret: bytes,
        *,
        ttl: float,
        is_of_all: bool = False,
        server: CacheServer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`is_of_all`: a caller may be answered with what another has asked."""
        self.memory, self.server = memory, server
        self.flights = Flights()
        self.clock = clock
        self.records: dict[Labels, int] = defaultdict(int)  # model, what was found: hit, miss, joined, bypass
        self.poisoned = 0  # answers of the server that are none of ours
        self.digests, self._sealed = Digests(secret), Sealed(secret)
        self._ttl = ttl
        self._is_of_all = is_of_all

    def owner(self, caller: Caller) -> str:
        """Who alone may be answered with what this caller has asked; empty: everybody."""
        return "" if self._is_of_all or caller is ANONYMOUS else caller.id

    async def fetch(self, digests: Sequence[bytes]) -> dict[bytes, Entry]:
        """Those of them that are kept, here or on the server."""
        now, memory = self.clock(), self.memory
        found = {digest: entry for digest in digests if digest and (entry := memory.get(digest, now)) is not None}
        if self.server is not None and len(found) < len(digests):
            missing = [digest for digest in dict.fromkeys(digests) if digest and digest not in found]
            found |= await self._fetch_from(self.server, missing, now)
        return found

    async def _fetch_from(self, server: CacheServer, missing: Sequence[bytes], now: float) -> dict[bytes, Entry]:
        found = {}
        for digest, data in zip(missing, await server.get_many(missing) if missing else (), strict=True):
            if data is not None and (entry := self._opened(digest, data)) is not None and entry.ends > now:
                found[digest] = entry
                self.memory.put(digest, entry)
            elif (entry := self.memory.get(digest, self.clock())) is not None:  # another request has it by now
                found[digest] = entry
        return found

    def _opened(self, digest: bytes, data: bytes) -> Entry | None:
        entry = self._sealed.open(digest, data)
        if entry is None:
            self.poisoned += 1
        return entry

    def keep(self, digest: bytes, entry: Entry) -> None:
        self.memory.put(digest, entry)
        if self.server is not None:
            with suppress(*UNWRITABLE):
                self.server.put(digest, self._sealed.close(digest, entry), entry.ends - entry.made)

    def entry(self, answer: dict[str, Any] | Problem, cost: int) -> Entry | None:
        """What is kept of it; None: nothing."""
        now = self.clock()
        if isinstance(answer, Problem):
            keep = PROBLEMS.get(answer.code)
            return None if keep is None else entry_of_problem(answer, now, now + min(keep, self._ttl))
        keep = min(DEGENERATE, self._ttl) if answer.get("degenerate") is True else self._ttl
        try:
            fields = bytes(memoryview(to_json(answer)))  # a copy: orjson's own has room for four thousand more
            return Entry(fields, cost, now, now + keep)
        except UNWRITABLE:
            return None
