"""Waiting until something holds that another task, or the model's thread, brings about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress


class Changes:
    """Whoever changes what others wait for says so with `notify`; those who wait look again."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """In the event loop's thread."""
        self._event.set()

    async def until(self, holds: Callable[[], bool], *, timeout: float | None = None) -> None:
        """Until it holds, or so many seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not holds():
                    self._event.clear()
                    await self._event.wait()
