"""Calls to the broker, made again. Every step of the protocol is idempotent: a lost answer is asked for once more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import TypeVar

import structlog

from broker.common.backoff import Backoff
from broker.common.throttled_log import ThrottledLog
from broker.errors import BrokerError, BrokerUnavailable, TripFailed

PAUSE = 1.0  # seconds after something went wrong that nobody expected
GRACE = 5.0  # seconds that a process which should end still asks for
TRIES, ENOUGH = 5, 10.0  # attempts, seconds: then a trip will not be made, if others are meanwhile

Answer = TypeVar("Answer")
log = structlog.get_logger("batcher")


class Retry:
    """Calls until it is answered; once `stopping` is set, only for a grace period.

    While the broker is away it waits for ever. A trip that fails while the broker answers others is given up.
    """

    def __init__(
        self,
        stopping: asyncio.Event,
        on_wait: Callable[[], None],
        hears_broker: Callable[[], bool] = lambda: False,  # by another connection
    ) -> None:
        self._stopping, self._on_wait, self._hears_broker = stopping, on_wait, hears_broker
        self._away, self._refused = ThrottledLog(log.warning), ThrottledLog(log.error)

    async def call(self, act: Callable[[], Awaitable[Answer]]) -> Answer:
        """What `act` answers in the end. Raises `BrokerUnavailable` only while stopping, and `TripFailed`."""
        backoff, given_up_at = Backoff(), float("inf")
        began, failed = monotonic(), 0
        while True:
            try:
                answer = await act()
            except BrokerUnavailable as error:
                if self._stopping.is_set():
                    given_up_at = min(given_up_at, monotonic() + GRACE)
                if monotonic() >= given_up_at:
                    raise
                failed = failed + 1 if self._hears_broker() else 0
                if failed >= TRIES and monotonic() - began >= ENOUGH:
                    raise TripFailed(f"{failed} attempts failed while the broker answered others: {error}") from error
                self._away("broker away", error=str(error))
            else:
                if self._away.is_over():
                    log.info("broker is back")
                return answer
            self._on_wait()
            await asyncio.sleep(backoff.pause())

    async def survive(self, act: Callable[[], Awaitable[None]], abandon: Callable[[], None] = lambda: None) -> None:
        """Whatever goes wrong is logged, and a pause follows. `abandon` lets go of what `act` can no longer finish."""
        try:
            await act()
        except BrokerUnavailable as error:
            log.warning("broker away", error=str(error))
            abandon()
            await self._pause()
        except Exception as error:
            # What the broker says is said again a second later, and needs no traceback.
            tell = self._refused if isinstance(error, BrokerError) else log.exception
            tell("batch abandoned: its lease runs out and its jobs are served again", error=str(error))
            abandon()
            await self._pause()

    async def _pause(self) -> None:
        """A while, or until it is time to stop."""
        # Not `wait_for`, which in Python 3.11 swallows a cancellation that comes when the wait is over already.
        with suppress(TimeoutError):
            async with asyncio.timeout(PAUSE):
                await self._stopping.wait()
