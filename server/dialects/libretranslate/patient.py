"""How LibreTranslate's clients wait where too much is queued: with us, for a while, before they hear of it.

Weblate asks nobody for half an hour once it has seen a 429, and Mastodon tells its reader that there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import Scope

from broker.messages import FailureCode, Lane
from server.api.inference import Inference
from server.codecs.work import Work
from server.dialects.contract import Call
from server.errors import SHORTEST_RETRY, Problem
from server.http.timing import Stages
from server.requests.request import Record

PATIENCE = 5.0  # seconds that it tries again: Mastodon itself waits for ten
SOONEST = 0.1  # seconds until the next try

pause: Callable[[float], Awaitable[None]] = asyncio.sleep


class Patient(Inference):
    """As any other, but that a full queue is asked again while there is time."""

    async def _compute(self, call: Call, records: list[Record], lane: Lane, scope: Scope, work: Work) -> Stages | None:
        clock = self._front_end.clock
        gives_up = min(work.deadline, clock() + PATIENCE)
        while True:
            try:
                return await super()._compute(call, records, lane, scope, work)
            except Problem as problem:
                wait = max(problem.retry_after or SHORTEST_RETRY, SOONEST)
                if problem.code != FailureCode.CONTENDED or clock() + wait > gives_up:
                    raise
            await pause(wait)
            work = work.again()
