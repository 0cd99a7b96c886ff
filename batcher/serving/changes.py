"""Waiting until something holds that another task, or the model's thread, brings about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress


class Changes:
    """Whoever changes what others wait for says so with `notify`; it looks for those who wait, so that a task is woken
    only for what it waits for: a batch would wake each of them half a dozen times."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], Callable[[], bool]] = {}

    def notify(self) -> None:
        """In the event loop's thread."""
        for future, holds in [*self._waiting.items()]:
            if not future.done() and holds():
                future.set_result(None)
            if future.done():
                del self._waiting[future]

    def when(self, holds: Callable[[], bool]) -> asyncio.Future[None]:
        """Done as soon as it holds; whoever waits no longer cancels it."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = holds
        if holds():
            future.set_result(None)
        return future

    async def until(self, holds: Callable[[], bool]) -> None:
        """Until it holds."""
        while not holds():  # what held when it was woken may have passed
            await self.when(holds)

    async def until_or_for(self, seconds: float, holds: Callable[[], bool]) -> None:
        """Until it holds, or so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.until(holds)
