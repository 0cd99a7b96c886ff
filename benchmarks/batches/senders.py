"""A batch that its client sends line by line: so many requests under way, the next one when one is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle

from benchmarks.batches.contract import NotMeasured
from benchmarks.lib.http_client import HttpClient, Reply
from benchmarks.serving.sending import FAILED_RECORD

COME_BACK = (429, 503)


@dataclass(slots=True, kw_only=True)
class Sender:
    """Sends the lines of one batch again and again, and notes when one was answered."""

    client: HttpClient
    until: float  # when it sends no more; what is under way then is waited for
    now: Callable[[], float]
    answered: list[float] = field(default_factory=list)
    refused: int = 0

    async def send(self, path: str, lines: Sequence[bytes], lane: str, in_flight: int) -> None:
        """Raises `OSError`, `NotMeasured`."""
        turn = cycle([self.client.request(path, line, lane=lane) for line in lines])
        await asyncio.gather(*(self._one_by_one(turn) for _ in range(in_flight)))

    async def _one_by_one(self, turn: Iterator[bytes]) -> None:
        while self.now() < self.until:
            line = next(turn)
            while (reply := await self.client.send(line)).status in COME_BACK:
                self.refused += 1
                await asyncio.sleep(float(reply.header(b"retry-after") or 1))
            _expect_ok(reply)
            self.answered.append(self.now())


def _expect_ok(reply: Reply) -> None:
    if reply.status != 200 or FAILED_RECORD in reply.body:
        raise NotMeasured(f"a line of a batch was answered {reply.status}: {reply.body[:300].decode(errors='replace')}")
