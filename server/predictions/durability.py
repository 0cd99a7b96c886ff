"""`--prediction-durability strict`: a 202 goes out only once its prediction is on the broker's disk. One question on a
connection of its own answers for all that were created before it, so however many come, the disk sets the pace once."""

from __future__ import annotations

import asyncio

import structlog

from broker.common.throttled_log import ThrottledLog
from broker.contract import FrontEndBroker
from broker.errors import BrokerError, BrokerFull, BrokerUnavailable
from server.errors import Problem

log = structlog.get_logger("server.predictions")

NEVER = "The broker cannot confirm that a prediction is on its disk, which this server wants (--prediction-durability)."
NOT_YET = "The broker has not confirmed that this prediction is on its disk: send it again."
HOPELESS_RETRY = 30.0  # seconds: somebody has to change the broker


class Durability:
    """Who waits for the disk, and the long-lived task that asks for them. While it has no connection nobody is told
    yes: a broker that was away may have lost what it had taken."""

    def __init__(self) -> None:
        self.ticked, self.rests = 0.0, True
        self._is_connected = False
        self._never = False  # this broker cannot say it
        self._joined: list[asyncio.Future[bool]] = []
        self._wake = asyncio.Event()
        self._refused = ThrottledLog(log.error)

    def check(self) -> None:
        """Raises `Problem` (not_durable) where it is known that no prediction can be taken."""
        if self._never:
            raise Problem("not_durable", NEVER, retry_after=HOPELESS_RETRY)

    def join(self) -> asyncio.Future[bool]:
        """Whether all that is stored at the broker by now is on its disk, once that is known."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._is_connected:
            self._joined.append(future)
            self._wake.set()
        else:
            future.set_result(False)
        return future

    async def run(self, broker: FrontEndBroker) -> None:
        """Ask again and again, at first whether it can be asked."""
        try:
            await self._ask(broker, [])
            self._is_connected, self._never = True, False
            while True:
                await self._wake.wait()
                self._wake.clear()
                joined, self._joined = self._joined, []
                await self._ask(broker, joined)
        finally:
            self._is_connected = False
            _tell(self._joined, False)
            self._joined = []

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
