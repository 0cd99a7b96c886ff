"""The task that admits: all requests that gathered while the last trip was away go in the next one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from broker.contract import FrontEndBroker
from broker.errors import BrokerError, BrokerFull
from broker.messages import FailureCode, Verdict
from server.door import Door
from server.errors import INTERNAL_DETAIL, Problem, patience
from server.outbox import Outbox, Parcel

log = structlog.get_logger("server.writer")

ASK_AGAIN = 0.05  # seconds until a trip that got no answer is repeated


class Writer:
    """Keeps the sequence: it only grows with new content, so a repeated trip admits nothing twice."""

    def __init__(
        self,
        door: Door,
        outbox: Outbox,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._door = door
        self._outbox = outbox
        self._clock = clock
        self._sleep = sleep
        self._sequence = 0
        self._full_since: float | None = None
        self.ticked = clock()  # when the last trip began
        self.is_away = False

    async def run(self, broker: FrontEndBroker) -> None:
        """Trip after trip, for ever."""
        while True:
            await self._outbox.filled()
            parcels, cancelled = self._outbox.take(self._clock())
            if parcels or cancelled:
                self.ticked, self.is_away = self._clock(), True
                try:
                    await self._deliver(broker, parcels, cancelled)
                finally:
                    self.is_away = False

    async def _deliver(self, broker: FrontEndBroker, parcels: Sequence[Parcel], cancelled: Mapping[str, float]) -> None:
        """One trip; whatever comes of it, every parcel's answer is told."""
        try:
            verdicts = await self._admit(broker, parcels, cancelled)
        except BrokerFull:
            self._refuse_as_full(parcels)
        except BrokerError as error:
            self._give_up(parcels, error)
        except Exception:
            await self._find_the_guilty(broker, parcels, cancelled)
        else:
            self._full_since = None
            for parcel, verdict in zip(parcels, verdicts, strict=True):
                self._door.judge(parcel.answer, verdict)

    async def _admit(
        self, broker: FrontEndBroker, parcels: Sequence[Parcel], cancelled: Mapping[str, float]
    ) -> Sequence[Verdict]:
        now = self._clock()
        self._sequence += 1
        requests = [parcel.request(now) for parcel in parcels]
        for parcel in parcels:
            parcel.answer.may_be_queued = True
        try:
            return await broker.admit(self._sequence, requests, cancelled)
        except BrokerFull:
            raise
        except BrokerError:
            await self._sleep(ASK_AGAIN)
            return await broker.admit(self._sequence, requests, cancelled)

    def _refuse_as_full(self, parcels: Sequence[Parcel]) -> None:
        if self._full_since is None:
            self._full_since = self._clock()
            log.error("broker full")
        waits = patience(self._clock() - self._full_since)
        for parcel in parcels:
            parcel.answer.may_be_queued = False
            detail = "The broker is out of memory and takes no new jobs."
            parcel.answer.refuse(Problem(FailureCode.BROKER_FULL, detail, retry_after=waits))

    def _give_up(self, parcels: Sequence[Parcel], error: BrokerError) -> None:
        log.warning("broker lost", task="writer", reason=str(error), refused=len(parcels))
        self._door.close()
        for parcel in parcels:
            self._door.turn_away(parcel.answer)

    async def _find_the_guilty(
        self, broker: FrontEndBroker, parcels: Sequence[Parcel], cancelled: Mapping[str, float]
    ) -> None:
        """Some parcel cannot travel: alone each harms nobody else."""
        log.exception("admission failed", requests=len(parcels))
        if len(parcels) == 1:
            parcels[0].answer.may_be_queued = False
            parcels[0].answer.refuse(Problem("internal", INTERNAL_DETAIL))
            return
        for parcel in parcels:
            await self._deliver(broker, [parcel], cancelled)
