"""Bare Starlette that batches in its own process: what Python can do without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.lib.models import Forward, forward_of

GATHERING = 0.002  # seconds that a batch waits for as many as were answered last: in a closed loop they come back


@dataclass(frozen=True, slots=True)
class Answered:
    """What one text came to, and how many jobs were in its batch."""

    output: Any
    jobs: int


@dataclass(slots=True)
class Waiting:
    """One text, and who waits for what it comes to."""

    text: str
    answered: asyncio.Future[Answered] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Batching:
    """One batch after the other, of what has gathered, on a thread of its own."""

    def __init__(self, forward: Forward, largest: int) -> None:
        self._forward, self._largest = forward, largest
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1)

    async def compute(self, texts: Sequence[str]) -> list[Answered]:
        """What each came to. Raises what the model raised."""
        waiting = [Waiting(text) for text in texts]
        for one in waiting:
            self._queue.put_nowait(one)
        return [await one.answered for one in waiting]

    async def run(self) -> None:
        """Until it is cancelled."""
        loop, batch = asyncio.get_running_loop(), list[Waiting]()
        while True:
            batch = await self._gathered(expected=len(batch))
            try:
                outputs = await loop.run_in_executor(self._thread, self._forward, [one.text for one in batch])
            except Exception as error:
                _settle(batch, [error] * len(batch))
            else:
                _settle(batch, [Answered(output, len(batch)) for output in outputs])

    async def _gathered(self, expected: int) -> list[Waiting]:
        batch = [await self._queue.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHERING):
                while len(batch) < expected:
                    batch.append(await self._queue.get())
        while len(batch) < self._largest and not self._queue.empty():
            batch.append(self._queue.get_nowait())
        return batch


def _settle(batch: Sequence[Waiting], ends: Sequence[Answered | Exception]) -> None:
    for one, end in zip(batch, ends, strict=True):
        if one.answered.done():
            continue  # its client hung up
        if isinstance(end, Exception):
            one.answered.set_exception(end)
        else:
            one.answered.set_result(end)


def batching_app(spec: str, largest: int) -> Starlette:
    """`POST /models/any`, answered by this model. Raises `ValueError` for a spec that names none of texts."""
    batching = Batching(forward_of(spec), largest)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(batching.run())
        yield
        running.cancel()

    async def answer(request: Request) -> JSONResponse:
        records = (await request.json())["payload"]["records"]
        answers = await batching.compute([record["text"] for record in records])
        result = [{"id": record["id"], "text": one.output} for record, one in zip(records, answers, strict=True)]
        return JSONResponse({"result": result}, headers={"Server-Timing": f'batch;desc="{answers[0].jobs}"'})

    return Starlette(routes=[Route("/models/{name}", answer, methods=["POST"])], lifespan=lifespan)
