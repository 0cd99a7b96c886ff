"""The task that admits: all requests that gathered during one trip to the broker go in the next one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from broker.contract import FrontEndBroker
from broker.errors import BrokerError, BrokerFull, BrokerUnavailable
from broker.messages import FailureCode, Over, Verdict
from server.errors import INTERNAL_DETAIL, Problem, retry_after
from server.requests.admission import Admission, Outbox
from server.requests.breaker import CircuitBreaker
from server.requests.refusals import refusal
from server.requests.request import PendingRequest

log = structlog.get_logger("server.requests.writer")

PAUSES = (0.05, 0.1, 0.2, 0.4)  # seconds before each repetition of a trip that got no reply
BRIEF = 1.0  # seconds; an outage that lasts longer is told to those who wait


class Writer:
    """Keeps the sequence: it only grows with new content, so a repeated trip admits nothing twice."""

    def __init__(
        self,
        outbox: Outbox,
        breaker: CircuitBreaker,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        passes_on: Callable[[PendingRequest], bool] = lambda request: False,
    ) -> None:
        """`passes_on` says whether another revision takes a request for which its own has no room."""
        self._passes_on = passes_on
        self._outbox = outbox
        self._breaker = breaker
        self._clock = clock
        self._sleep = sleep
        self._sequence = 0
        self._full_since: float | None = None
        self.ticked = clock()  # when the last trip began
        self.is_busy = False  # a trip is under way

    async def run(self, broker: FrontEndBroker) -> None:
        """Trip after trip, for ever."""
        while True:
            await self._outbox.filled()
            admissions, cancelled = self._outbox.take(self._clock())
            if admissions or cancelled:
                self.ticked, self.is_busy = self._clock(), True
                try:
                    await self._deliver(broker, admissions, cancelled)
                finally:
                    self.is_busy = False

    async def _deliver(
        self, broker: FrontEndBroker, admissions: Sequence[Admission], cancelled: Mapping[Over, float]
    ) -> None:
        """One trip; whatever comes of it, every request that it carries is told."""
        try:
            verdicts = await self._admit(broker, admissions, cancelled)
        except BrokerFull:
            self._outbox.keep(cancelled)
            self._refuse_as_full(admissions)
        except BrokerError as error:
            self._outbox.keep(cancelled)
            self._give_up(admissions, error)
        except Exception:
            await self._deliver_each(broker, admissions, cancelled)
        else:
            self._outbox.put_back(admissions[len(verdicts) :])
            told = zip(admissions, verdicts, strict=False)
            news = [(one, verdict) for one, verdict in told if verdict.refusal is not None or verdict.allowances]
            if all([verdict.refusal is not FailureCode.BROKER_FULL for _, verdict in news]):
                self._full_since = None
            for admission, verdict in news:
                self._tell(admission, verdict)

    async def _admit(
        self, broker: FrontEndBroker, admissions: Sequence[Admission], cancelled: Mapping[Over, float]
    ) -> Sequence[Verdict]:
        self._sequence += 1
        for admission in admissions:
            admission.request.may_be_queued = True
        began = self._clock()
        try:
            return await self._try(broker, admissions, cancelled)
        except BrokerUnavailable:
            return await self._repeat(broker, admissions, cancelled, began)

    async def _repeat(
        self, broker: FrontEndBroker, admissions: Sequence[Admission], cancelled: Mapping[Over, float], began: float
    ) -> Sequence[Verdict]:
        pauses = list(PAUSES)
        while True:
            is_last = self._clock() - began > BRIEF  # on a dead connection: a new one works, or the broker is away
            if not is_last:
                await self._sleep(pauses.pop(0))
            try:
                return await self._try(broker, admissions, cancelled)
            except BrokerFull as error:
                # A full server says so before it looks at the sequence: the first try may have queued these jobs.
                raise BrokerUnavailable("the broker's answer was lost, and its memory is spent") from error
            except BrokerUnavailable:
                if is_last or not pauses:
                    raise

    async def _try(
        self, broker: FrontEndBroker, admissions: Sequence[Admission], cancelled: Mapping[Over, float]
    ) -> Sequence[Verdict]:
        # `message` counts the time left anew each time: a lost trip takes seconds, and no job may outlive its request.
        now = self._clock()
        return await broker.admit(self._sequence, [admission.message(now) for admission in admissions], cancelled)

    def _tell(self, admission: Admission, verdict: Verdict) -> None:
        if verdict.allowances and admission.request.asker is not None:
            admission.request.asker.allowances = verdict.allowances
        if verdict.refusal is not None:
            self._refuse(admission, verdict)

    def _refuse(self, admission: Admission, verdict: Verdict) -> None:
        request = admission.request
        if verdict.refusal is FailureCode.BROKER_FULL:
            self._refuse_as_full([admission])
            return
        if verdict.refusal is FailureCode.CONTENDED and admission.may_go_elsewhere and self._passes_on(request):
            return
        admission.refuse(refusal(request, verdict, request.deadline - self._clock()))

    def _refuse_as_full(self, admissions: Sequence[Admission]) -> None:
        if self._full_since is None:
            self._full_since = self._clock()
            log.error("broker full")
        wait = retry_after(self._clock() - self._full_since)
        for admission in admissions:
            detail = "The broker is out of memory and takes no new jobs."
            admission.refuse(Problem(FailureCode.BROKER_FULL, detail, retry_after=wait))

    def _give_up(self, admissions: Sequence[Admission], error: BrokerError) -> None:
        log.warning("broker lost", task="writer", reason=str(error), refused=len(admissions))
        self._breaker.open()
        for admission in admissions:
            admission.request.refuse(self._breaker.problem())

    async def _deliver_each(
        self, broker: FrontEndBroker, admissions: Sequence[Admission], cancelled: Mapping[Over, float]
    ) -> None:
        """One of them cannot be packed. In a trip of its own each fails alone."""
        log.exception("admission failed", requests=len(admissions))
        if len(admissions) == 1:
            admissions[0].refuse(Problem("internal", INTERNAL_DETAIL))
            return
        for admission in admissions:
            await self._deliver(broker, [admission], cancelled)
