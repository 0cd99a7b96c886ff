"""The life of a job in an in-flight engine: it boards while others fly, and is told as soon as it lands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from time import monotonic

import structlog

from batcher.engines.engine import Engine
from batcher.metrics import BatcherMetrics
from batcher.policy.admission import are_enough, is_worth_a_trip, pause_after_claim, pause_before_finish, room_beside
from batcher.policy.in_flight_speed import InFlightSpeed
from batcher.serving.batch import Batch
from batcher.serving.heartbeat import Vitals
from batcher.serving.leases import Ended, Lease, Leases
from batcher.serving.model_thread import ModelThread, Report
from batcher.serving.service import Service
from broker.contract import BatcherBroker
from broker.messages import Limits

log = structlog.get_logger("batcher")


class InFlightLoop(Service):
    """One card's loop. `stop` ends it once all that has started has landed; what has not goes back to the queue."""

    def __init__(
        self,
        broker: BatcherBroker,
        engine: Engine,
        limits: Limits,
        *,
        batcher: str,
        vitals: Vitals,
        metrics: BatcherMetrics,
        tell_start: Callable[[str], None] = lambda batch: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._stay = InFlightSpeed()
        super().__init__(broker, limits, batcher=batcher, vitals=vitals, fit=self._stay, clock=clock)
        self._metrics = metrics
        self._leases = Leases()
        self._told: Sequence[Ended] = ()  # on their way to the broker
        self._boarding: list[Batch] = []  # handed over; the thread may not have begun with them
        self._capacity = engine.room()  # jobs
        self._changed = asyncio.Event()  # something may hold now that did not before
        self._thread = ModelThread(
            engine,
            report=self._report,
            cancelled=lambda: self._cancelled,
            tell_start=tell_start,
            progress=vitals.progress,
            metrics=metrics,
            clock=clock,
            limits=lambda: self.limits,
        )
        self._events: asyncio.AbstractEventLoop | None = None

    @property
    def size(self) -> int:
        return max(1, min(self.limits.max_batch_size, self._capacity))

    def stop(self) -> None:
        super().stop()
        self._changed.set()

    async def run(self) -> None:
        self._events = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        reclaiming = asyncio.create_task(self._reclaim_until_stopped())
        try:
            async with asyncio.TaskGroup() as tasks:  # a thread that ends by itself ends the others
                tasks.create_task(_finished(self._events.run_in_executor(pool, self._thread.run)))
                telling = tasks.create_task(self._tell_all())
                await self._claim_until_stopped()
                await self._until(lambda: not self._leases)
                telling.cancel()
                self._thread.stop()
        finally:
            self._thread.stop()
            reclaiming.cancel()
            pool.shutdown(wait=False)

    # Boarding

    async def _claim_until_stopped(self) -> None:
        while not self._stopping.is_set():
            await self._survive(self._claim_once, lambda: None)
        for batch in self._boarding:
            await self._survive(partial(self._return, batch), lambda: None)

    async def _claim_once(self) -> None:
        await self._until(lambda: self._may_claim() or self._stopping.is_set())
        if self._stopping.is_set():
            return
        room = self._room()
        batch = await (self._claims.beside(room) if self._leases else self._claims.when_woken(room))
        if batch is not None:
            await self._board(batch)

    def _may_claim(self) -> bool:
        # Suspects wait until the last outcome is told: it would bear their guilt.
        has_room = is_worth_a_trip(self._room(), self.limits, size=self.size) and not self._claims.has_suspects
        return has_room or not self._leases

    def _room(self) -> Limits:
        leases = self._leases
        return room_beside(self.limits, capacity=self._capacity, jobs=leases.jobs, tokens=leases.tokens)

    async def _board(self, batch: Batch) -> None:
        self._hold(batch)
        # A job larger than the room was claimed alone: then it waits here until it has room, or all to itself.
        await self._until(lambda: self._fits(batch) or self._stopping.is_set())
        self._leases.hold(batch)
        self._boarding = [one for one in (*self._boarding, batch) if not one.running.running()]
        if not self._stopping.is_set():
            self._thread.hand(batch)
            await self._wait_for_company()

    def _fits(self, batch: Batch) -> bool:
        tokens = self._leases.tokens + sum(job.cost for job in batch.claim.jobs)
        return tokens <= self.limits.max_batch_tokens or not self._leases.jobs

    async def _wait_for_company(self) -> None:
        """Jobs that trickle in are claimed a few at a time; but one that finds the card idle never waits."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_after_claim(self._thread.step)):
                await self._until(lambda: not self._leases or self._stopping.is_set())

    async def _return(self, batch: Batch) -> None:
        """Back to the head of the queue, unless the engine has begun with it."""
        if batch.running.cancel():
            self._leases.close(batch.id)
            try:
                await self._patience.ask(lambda: self._broker.release(batch.id))
            finally:
                self._let_go(batch)

    # Landing

    def _report(self, report: Report) -> None:
        """Called in the model thread."""
        assert self._events is not None
        self._events.call_soon_threadsafe(self._land, report)

    def _land(self, report: Report) -> None:
        if report.rows:
            self._stay.observe(round(report.rows), report.step)
        for one in report.left:
            self._leases.land(one)
            if one.done is not None and one.done.failure is None:
                self._stay.landed(one.steps)
        self._capacity = report.capacity
        self._changed.set()

    async def _tell_all(self) -> None:
        while True:
            await self._until(lambda: self._leases.has_news)
            await self._gather()
            await self._survive(self._tell, self._abandon)

    async def _gather(self) -> None:
        """Those that end soon after each other share a trip."""
        jobs = self._leases.jobs
        pause = pause_before_finish(self._thread.step, jobs=jobs, stay=self._fit.predict(jobs))
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._until(lambda: are_enough(self._leases.ended, size=self.size) or not self._leases.jobs)

    async def _tell(self) -> None:
        told = self._told = self._leases.take_ended()
        self.learn()
        for one in told:
            if one.failures:
                await self._patience.ask(partial(self._broker.fail, one.finish.batch, one.failures))
        finishes = [one.finish for one in told]
        await self._bring(finishes, starts=None)
        self._told = ()  # first, so that whatever goes wrong from here on closes no lease a second time
        self._close(told)

    def _close(self, told: Sequence[Ended]) -> None:
        for one in told:
            if one.is_over:
                self._leases.close(one.finish.batch)
                self._let_go(one.lease.batch)
                self._account(one.lease)
        self._changed.set()

    def _abandon(self) -> None:
        """What was not told is computed again, by whoever claims it then. What still flies is told all the same."""
        told, self._told = self._told, ()
        for one in told:
            one.lease.is_abandoned = True
            self._let_go(one.lease.batch)
        self._close(told)

    def _account(self, lease: Lease) -> None:
        batch = lease.batch
        self._metrics.lease(batch, lease.failed)
        log.info(
            "batch",
            jobs=len(batch.claim.jobs),
            closed_by=batch.closed_by,
            waited=f"{batch.waited * 1000:.1f}ms",
            flown=f"{batch.seconds * 1000:.1f}ms",
            failed=len(lease.failed),
            unwanted=lease.unwanted,
            in_flight=self._leases.jobs,
        )

    def _on_wait(self) -> None:
        # Claims go on beside a step that hangs: a broker that is away must not make it look alive.
        if not self._leases.jobs:
            super()._on_wait()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._changed.clear()
            await self._changed.wait()


async def _finished(thread: asyncio.Future[None]) -> None:
    await thread  # a task group takes coroutines only
