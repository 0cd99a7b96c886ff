"""Asking the broker again. Every step of the protocol is idempotent, so a lost answer is simply asked for once more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import TypeVar

import structlog

from broker.backoff import Backoff
from broker.errors import BrokerUnavailable
from broker.seldom import Seldom

PAUSE = 1.0  # seconds after something went wrong that nobody expected
GRACE = 5.0  # seconds that a process which should end still asks for

Answer = TypeVar("Answer")
log = structlog.get_logger("batcher")


class Patience:
    """Asks until it is answered; once `stopping` is set, only for a grace period."""

    def __init__(self, stopping: asyncio.Event, on_wait: Callable[[], None]) -> None:
        self._stopping, self._on_wait = stopping, on_wait
        self._away = Seldom(log.warning)

    async def ask(self, act: Callable[[], Awaitable[Answer]]) -> Answer:
        """What `act` answers in the end. Raises `BrokerUnavailable` only while stopping."""
        backoff, given_up_at = Backoff(), float("inf")
        while True:
            try:
                answer = await act()
            except BrokerUnavailable as error:
                if self._stopping.is_set():
                    given_up_at = min(given_up_at, monotonic() + GRACE)
                if monotonic() >= given_up_at:
                    raise
                self._away("broker away", error=str(error))
            else:
                if self._away.is_over():
                    log.info("broker is back")
                return answer
            self._on_wait()
            await asyncio.sleep(backoff.pause())

    async def pause(self) -> None:
        """A while, or until it is time to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), PAUSE)
