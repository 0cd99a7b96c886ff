"""Texts that are read ahead by a task, where they come by `async for`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable

from jitney.client.sending.ahead import MOST, Read, ReadAhead, read_ahead

Texts = Iterable[str] | AsyncIterable[str] | ReadAhead


class ReadByTask(Read):
    def __init__(self, texts: AsyncIterable[str], arrived: Callable[[], None]) -> None:
        super().__init__()
        self._room = self._space = asyncio.Semaphore(MOST)
        self._end = self._task = asyncio.create_task(self._run(texts, arrived))
        self._task.add_done_callback(lambda _: arrived())

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, texts: AsyncIterable[str], arrived: Callable[[], None]) -> None:
        async for text in texts:
            await self._space.acquire()
            self._add(text, arrived)


@contextlib.asynccontextmanager
async def read_all_ahead(texts: Texts, arrived: Callable[[], None]) -> AsyncIterator[Iterable[str | None]]:
    """Texts of which none keeps the loop waiting: an iterable that is no list is read by a thread."""
    if isinstance(texts, list | tuple):
        yield texts
    elif isinstance(texts, AsyncIterable):
        by_task = ReadByTask(texts, arrived)
        try:
            yield by_task
        finally:
            await by_task.close()
    else:
        by_thread = texts if isinstance(texts, ReadAhead) else ReadAhead(texts)
        with read_ahead(by_thread, _told_to(asyncio.get_running_loop(), arrived)):
            yield by_thread


def _told_to(loop: asyncio.AbstractEventLoop, arrived: Callable[[], None]) -> Callable[[], None]:
    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the thread
            loop.call_soon_threadsafe(arrived)

    return tell
