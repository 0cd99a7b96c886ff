"""`--prediction-durability strict`: a 202 goes out only once its prediction is on the broker's disk. One question on a
connection of its own answers for all that were created before it, so however many come, the disk sets the pace once."""

from __future__ import annotations

import asyncio
from collections import deque

import structlog

from broker.common.throttled_log import ThrottledLog
from broker.contract import FrontEndBroker
from broker.errors import BrokerError, BrokerFull, BrokerUnavailable
from broker.predictions.contract import SETTLED
from server.errors import Problem

log = structlog.get_logger("server.predictions")

NEVER = "The broker cannot confirm that a prediction is on its disk, which this server wants (--prediction-durability)."
NOT_YET = "The broker has not confirmed that this prediction is on its disk: send it again."
TOGETHER = 0.02  # seconds that one question waits for further ones who ask it
HOPELESS_RETRY = 30.0  # seconds: somebody has to change the broker


class Durability:
    """Who waits for the disk, and the long-lived task that asks for them. While it has no connection nobody is told
    yes: a broker that was away may have lost what it had taken."""

    def __init__(self) -> None:
        self.ticked, self.rests = 0.0, True
        self._is_connected = False
        self._never = False  # this broker cannot say it
        self._joined: deque[tuple[float, asyncio.Future[bool]]] = deque()  # since when each waits, the loop's clock
        self._wake = asyncio.Event()
        self._refused = ThrottledLog(log.error)

    def check(self) -> None:
        """Raises `Problem` (not_durable) where it is known that no prediction can be taken."""
        if self._never:
            raise Problem("not_durable", NEVER, retry_after=HOPELESS_RETRY)

    def join(self) -> asyncio.Future[bool]:
        """Whether all that is stored at the broker by now is on its disk, once that is known."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        if self._is_connected:
            self._joined.append((loop.time(), future))
            self._wake.set()
        else:
            future.set_result(False)
        return future

    async def run(self, broker: FrontEndBroker) -> None:
        """Ask again and again, at first whether it can be asked."""
        loop = asyncio.get_running_loop()
        try:
            await self._ask(broker, [])
            self._is_connected, self._never = True, False
            while True:
                await self._until_settled(loop)
                await self._ask(broker, self._settled(loop.time()))
        finally:
            self._is_connected = False
            _tell([future for _, future in self._joined], False)
            self._joined.clear()

    async def _until_settled(self, loop: asyncio.AbstractEventLoop) -> None:
        """Until the first can be asked for; those who come soon after it are asked for with it."""
        while not self._joined:
            self._wake.clear()
            await self._wake.wait()
        await asyncio.sleep(max(self._joined[0][0] + SETTLED - loop.time(), 0.0) + TOGETHER)

    def _settled(self, now: float) -> list[asyncio.Future[bool]]:
        found = []
        while self._joined and self._joined[0][0] + SETTLED <= now:
            found.append(self._joined.popleft()[1])
        return found

    async def _ask(self, broker: FrontEndBroker, joined: list[asyncio.Future[bool]]) -> None:
        is_kept = False
        try:
            is_kept = await broker.predictions.persisted()
        except (BrokerUnavailable, BrokerFull):
            raise
        except BrokerError as error:
            self._never = True
            self._refused("predictions refused", reason=str(error), remedy="or --prediction-durability relaxed")
            raise
        finally:
            _tell(joined, is_kept)


def _tell(joined: list[asyncio.Future[bool]], is_kept: bool) -> None:
    for future in joined:
        if not future.done():
            future.set_result(is_kept)
