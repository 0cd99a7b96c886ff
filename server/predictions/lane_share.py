"""How much of a lane the large predictions and file batches of one front end have out at once: two rooms full."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from broker.messages import Lane
from server.fleet.directory import Served

ROOMS = 2  # one that is computed, and one that waits behind it: a batcher never has to wait for the next


@dataclass(slots=True, kw_only=True, eq=False)
class Portion:
    """Jobs that go out together, once they may."""

    served: Served
    jobs: int
    tokens: int
    turn: asyncio.Future[None]
    is_out: bool = False


@dataclass(slots=True)
class Out:
    """What is out in one lane, and who waits for that, first come first."""

    jobs: int = 0
    tokens: int = 0
    waiting: deque[Portion] = field(default_factory=deque)

    def fits(self, one: Portion) -> bool:
        """One that is alone always does."""
        if not self.jobs:
            return True
        most_tokens = ROOMS * one.served.token_capacity.room  # zero: nobody knows of a bound
        too_many_tokens = most_tokens and self.tokens + one.tokens > most_tokens
        return self.jobs + one.jobs <= ROOMS * room_of(one.served) and not too_many_tokens

    def begin(self) -> None:
        """Whoever has room now goes."""
        while self.waiting and self.fits(self.waiting[0]):
            one = self.waiting.popleft()
            if not one.turn.done():  # else it was given up a moment ago
                one.is_out = True
                self.jobs, self.tokens = self.jobs + one.jobs, self.tokens + one.tokens
                one.turn.set_result(None)


class LaneShare:
    """Nobody is overtaken: who asks for one portion at a time shares the lane with all others who do."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, Lane], Out] = {}  # those in which there is something

    @asynccontextmanager
    async def of(self, served: Served, lane: Lane, jobs: int, tokens: int) -> AsyncIterator[None]:
        """Room in this lane for so many jobs, once there is some; they are out until the `with` ends."""
        key = served.card.name, lane
        out = self._lanes.setdefault(key, Out())
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        one = Portion(served=served, jobs=max(1, jobs), tokens=tokens, turn=turn)
        out.waiting.append(one)
        out.begin()
        try:
            await turn
            yield
        finally:
            self._end(key, out, one)

    def out(self, model: str, lane: Lane) -> int:
        """Jobs that are out."""
        found = self._lanes.get((model, lane))
        return found.jobs if found is not None else 0

    def _end(self, key: tuple[str, Lane], out: Out, one: Portion) -> None:
        if one.is_out:
            out.jobs, out.tokens = out.jobs - one.jobs, out.tokens - one.tokens
        elif one in out.waiting:  # given up before its turn
            out.waiting.remove(one)
        out.begin()
        if not out.jobs and not out.waiting:
            self._lanes.pop(key, None)


def room_of(served: Served) -> int:
    """Jobs that its batchers take at once, measured or as they say."""
    return served.capacity.room or served.room
