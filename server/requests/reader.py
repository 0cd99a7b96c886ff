"""The task that receives outcomes and gives them to those who wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from broker.common.backoff import Backoff
from broker.common.diagnosis import diagnose
from broker.contract import Frames, FrontEndBroker
from broker.errors import BrokerError
from server.requests.pending import PendingRequests

log = structlog.get_logger("server.requests.reader")

BLOCK = 1.0  # seconds a read waits for outcomes
# Nothing is known of earlier reads. Frames may wait whose bell was taken by a lost connection, so do not block for one.
UNKNOWN = Frames(more=True)


class Reader:
    """Never ends. After an error it reports no frame as handled: frames are read again, so no outcome is lost."""

    def __init__(
        self,
        pending: PendingRequests,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        address: str = "",
    ) -> None:
        self._pending = pending
        self._address = address  # the broker's, without a password
        self._clock = clock
        self._sleep = sleep
        self._backoff = Backoff()
        self.ticked = self.succeeded = clock()  # when a read last ended: well or not; well

    async def run(self, broker: FrontEndBroker) -> None:
        """Read after read, for ever."""
        last = UNKNOWN
        while True:
            try:
                last = await self.read(broker, last)
            except BrokerError as error:
                last = UNKNOWN
                await self._pause(error)

    async def read(self, broker: FrontEndBroker, last: Frames) -> Frames:
        """One read, which also says that the last one was handled. Raises `BrokerError`."""
        try:
            frames = await broker.receive(last.count, 0.0 if last.more else BLOCK)
        finally:
            self.ticked = self._clock()
        self.succeeded = self.ticked
        self._pending.settle(frames.outcomes)
        self._backoff.reset()
        await asyncio.sleep(0)  # the requests that were just answered go on before the next read
        return frames

    async def _pause(self, error: BrokerError) -> None:
        if not self._backoff.errors:
            log.warning("broker lost", task="reader", reason=str(diagnose(error, self._address)))
        await self._sleep(self._backoff.pause())
