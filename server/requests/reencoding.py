"""What waits for a revision that nobody serves any more, or that has no room for it, is encoded for another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from broker.messages import FailureCode, ModelCard
from server.codecs.asker import ASKER
from server.codecs.contract import Codec, Input, Plan
from server.codecs.work import Work
from server.errors import Problem, retry_after
from server.fleet.directory import Served
from server.requests.pending import PendingRequests
from server.requests.request import PendingRequest

AT_ONCE = 32  # requests looked at before others get their turn
WAIT = 0.5  # seconds; long inputs take longer, and are encoded while the caller goes on

Encode = Callable[[Codec, Sequence[Input], Mapping[str, Any], Work], Awaitable[list[Plan | Problem]]]


class Reencoder:
    """Ids of tokens must never meet the wrong vocabulary, so what is left of a request is cancelled and made anew.

    Each time its `generation` grows: an admission of an earlier one, or an encoding that is still at work, then means
    nothing any more.
    """

    def __init__(self, pending: PendingRequests, encode: Encode) -> None:
        self._pending = pending
        self._encode = encode
        self._tasks: set[asyncio.Task[None]] = set()

    async def reencode_orphans(self, successor: Callable[[ModelCard], Served | None]) -> None:
        """`successor` says which revision takes over from this one; None where this one is served."""
        for number, request in enumerate(self._pending.waiting, start=1):
            served = successor(request.served.card)
            if served is not None and request.is_pinned:
                said = f"The last batcher of {request.served.key!r} has left, and no other revision was asked for."
                request.refuse(Problem(FailureCode.NO_BATCHER, said, retry_after=retry_after(0.0)))
            elif served is not None:
                self.start(request, served)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=WAIT)

    def stop(self) -> None:
        """Give up whatever is being encoded."""
        for task in self._tasks:
            task.cancel()

    def start(self, request: PendingRequest, served: Served) -> None:
        """Have this revision answer it."""
        task = asyncio.create_task(self.reencode(request, served))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reencode(self, request: PendingRequest, served: Served) -> None:
        """Encode what is left of this request for another revision, and bring it to the broker."""
        request.withdrawn |= self._pending.withdraw(request)
        request.served = served
        request.generation += 1
        generation, request.work = request.generation, request.work.again()
        ASKER.set(request.asker)
        inputs = [record.input for record in request.withdrawn]
        plans: Sequence[Plan | Problem] | Problem
        try:
            plans = await self._encode(served.codec, inputs, request.options, request.work)
        except Problem as problem:
            plans = problem
        if not request.is_awaited or request.generation != generation:
            return  # nobody waits any more, or for yet another revision
        if isinstance(plans, Problem):
            request.refuse(plans)
        else:
            self._resume(request, plans)

    def _resume(self, request: PendingRequest, plans: Iterable[Plan | Problem]) -> None:
        withdrawn, request.withdrawn = request.withdrawn, {}
        for record, plan in zip(withdrawn, plans, strict=True):
            record.follow(request.served.codec, plan)
        self._pending.register(request, withdrawn)
        for record in withdrawn:
            if record.has_ended:
                request.ended(record)
        request.count_down(sum(withdrawn.values()))
        self._pending.push(request)
