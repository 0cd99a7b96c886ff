"""Batches beside interactive requests: sent by their client line by line, or as a file that the server works off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from benchmarks.batches.api import BatchApi
from benchmarks.batches.contract import NotMeasured
from benchmarks.lib.http_client import HttpClient, Reply
from benchmarks.load.sending import FAILED_RECORD

COME_BACK = (429, 503)
EVERY = 0.25  # seconds between two looks at a batch


@dataclass(slots=True, kw_only=True)
class Sender:
    """Of one batch. Every method raises `OSError`, `NotMeasured`."""

    client: HttpClient
    until: float  # when it sends no more; what is under way then is waited for
    now: Callable[[], float]
    refused: int = 0  # lines that had to come again

    async def send_file(self, path: str, lines: Sequence[bytes]) -> None:
        """A file that is not done by then is cancelled."""
        api = BatchApi(self.client)
        id = await api.start(path, lines)
        while self.now() < self.until:
            await asyncio.sleep(EVERY)
            _expect_more(await api.batch(id))
        await api.cancel(id)
        while (await api.batch(id))["status"] != "cancelled":
            await asyncio.sleep(EVERY)

    async def send(self, path: str, lines: Sequence[bytes], lane: str, in_flight: int) -> None:
        """So many requests under way, the next one when one is answered; the lines again and again."""
        turn = cycle([self.client.request(path, line, lane=lane) for line in lines])
        await asyncio.gather(*(self._one_by_one(turn) for _ in range(in_flight)))

    async def _one_by_one(self, turn: Iterator[bytes]) -> None:
        while self.now() < self.until:
            line = next(turn)
            while (reply := await self.client.send(line)).status in COME_BACK:
                self.refused += 1
                await asyncio.sleep(float(reply.header(b"retry-after") or 1))
            _expect_ok(reply)


def _expect_ok(reply: Reply) -> None:
    if reply.status != 200 or FAILED_RECORD in reply.body:
        raise NotMeasured(f"a line of a batch was answered {reply.status}: {reply.body[:300].decode(errors='replace')}")


def _expect_more(batch: dict[str, Any]) -> None:
    if batch["status"] not in ("validating", "in_progress") or batch["request_counts"]["failed"]:
        raise NotMeasured(f"a batch is {batch['status']} before the end: {batch}")
