"""The life of a batch in any engine: claimed late, handed to the model's thread, finished while others run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic

from batcher.engines.engine import Engine
from batcher.metrics import BatcherMetrics
from batcher.policy.batching import Batching
from batcher.policy.gathering.decision import Gathering
from batcher.policy.slo import SloCap
from batcher.serving.announced import Announced
from batcher.serving.batch import Batch
from batcher.serving.changes import Changes
from batcher.serving.claims import Claims
from batcher.serving.heartbeat import Vitals
from batcher.serving.leases import Lease, Leases
from batcher.serving.model_thread import ModelThread
from batcher.serving.publisher import Publisher
from batcher.serving.reclaim import reclaim_until
from batcher.serving.report import Report
from batcher.serving.retry import Retry
from batcher.serving.slo_watch import SloWatch
from broker.contract import BatcherBroker
from broker.messages import Limits, Pulse


class Loop:
    """One card's loop. `stop` ends it after what has started; what is claimed and has not goes back to the queue.

    Two tasks and a thread: one claims and hands over, the thread computes, the other publishes.
    """

    def __init__(
        self,
        broker: BatcherBroker,
        engine: Engine,
        limits: Limits,
        *,
        batching: Batching,
        batcher: str,
        vitals: Vitals,
        metrics: BatcherMetrics,
        slo: SloCap | None = None,
        traced: Callable[[Lease], None] | None = None,  # makes the spans of a batch that is over
        tell_start: Callable[[str], None] = lambda batch: None,  # of a staged batch; called in the model's thread
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._broker, self._configured, self._batching = broker, limits, batching
        self._vitals, self._clock = vitals, clock
        self._stopping = asyncio.Event()
        self._changes, self._leases = Changes(), Leases()
        self._retry = Retry(self._stopping, on_wait=self._on_wait, hears_broker=lambda: vitals.hears_broker)
        self._watch = SloWatch(slo, metrics, clock)
        gathering = self._gathering = None if batching.joins else Gathering()  # jobs that join wait for nobody
        if gathering is not None:
            metrics.gathering(lambda: gathering.state)
        self._claims = Claims(
            broker,
            limits,
            batcher=batcher,
            retry=self._retry,
            stopping=self._stopping,
            clock=clock,
            predict=batching.speed.predict,
            within=self._watch.within,
            gathering=gathering,
        )
        self._thread = ModelThread(
            engine,
            joins=batching.joins,
            report=self._report,
            cancelled=lambda: self._cancelled,
            tell_start=tell_start,
            progress=vitals.progress,
            metrics=metrics,
            clock=clock,
            limits=lambda: self._claims.allowed,
        )
        self.announced = Announced(self._claims, self._thread, batching=batching, watch=self._watch, vitals=vitals)
        self._publisher = Publisher(
            broker,
            self._leases,
            self._changes,
            batching=batching,
            retry=self._retry,
            vitals=vitals,
            metrics=metrics,
            step=lambda: self._thread.step,
            size=lambda: self.announced.size,
            learn=self.announced.learn,
            told=self._told,
            traced=traced,
        )
        self._handed: list[Batch] = []  # the thread may not have begun with them
        self._cancelled: frozenset[str] = frozenset()
        self._events: asyncio.AbstractEventLoop | None = None

    # From outside

    def stop(self) -> None:
        """Claim no more, finish what runs, return what is claimed and has not started."""
        self._stopping.set()
        self._changes.notify()

    def pulse(self, pulse: Pulse) -> None:
        """Take in what a beat brought back. Called from the heartbeat's thread; each field is replaced whole."""
        # A batch whose lease is lost is computed all the same: its results are as good, and may be the first.
        self._cancelled = pulse.cancelled
        self._claims.allowed = pulse.limits or self._configured

    async def run(self) -> None:
        """Serve until stopped. Whatever goes wrong with one batch, the loop lives on."""
        self._events = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        reclaiming = asyncio.create_task(reclaim_until(self._stopping, self._broker))
        try:
            async with asyncio.TaskGroup() as tasks:  # a thread that ends by itself ends the others
                tasks.create_task(_ended(self._events.run_in_executor(pool, self._thread.run)))
                publishing = tasks.create_task(self._publisher.run())
                await self._claim_until_stopped()
                await self._changes.until(lambda: not self._leases)
                publishing.cancel()
                self._thread.stop()
        finally:
            self._thread.stop()
            self._stopping.set()  # a connection may swallow the cancellation: reclaiming ends by either
            reclaiming.cancel()
            pool.shutdown(wait=False)

    # Claims

    async def _claim_until_stopped(self) -> None:
        while not self._stopping.is_set():
            await self._retry.survive(self._claim_once)
        for batch in self._handed:
            await self._retry.survive(partial(self._return, batch))

    async def _claim_once(self) -> None:
        await self._until(self._may_claim)
        if self._stopping.is_set():
            return
        batch = await self._claim()
        if batch is not None:
            await self._hand(batch)

    def _may_claim(self) -> bool:
        if not self._leases:
            return True
        # Suspects wait until the last outcome is published: it would bear their blame.
        may_claim = self._batching.may_claim(self._claims.limits, self._leases.held, size=self.announced.size)
        return may_claim and not self._claims.has_suspects

    async def _claim(self) -> Batch | None:
        room = self._batching.room(self._claims.limits, self._leases.held, size=self.announced.size)
        if not self._leases:
            return await self._claims.when_woken(room)
        return await (self._claims.beside(room) if self._batching.joins else self._claim_behind())

    async def _claim_behind(self) -> Batch | None:
        """Just before the batch that runs ends, so that the card never waits for the broker. Tried once for each."""
        lease = self._leases.running
        predicted = self._batching.speed.predict_next(len(lease.batch.claim.jobs)) if lease is not None else 0.0
        batch = await self._stage(lease, predicted) if lease is not None and predicted else None
        if batch is None:
            await self._until(lambda: not self._leases)
        return batch

    async def _stage(self, behind: Lease, predicted: float) -> Batch | None:
        ends = (behind.batch.started_at or self._clock()) + predicted
        over = self._changes.when(lambda: behind.is_over or self._stopping.is_set())
        try:
            return await self._claims.before(over, ends, jobs=len(behind.batch.claim.jobs))
        finally:
            over.cancel()

    async def _hand(self, batch: Batch) -> None:
        self._vitals.hold(batch.id, batch.claim.jobs)
        self.announced.claimed(batch.claim.jobs)
        tokens = sum(job.cost for job in batch.claim.jobs)
        await self._until(lambda: self._batching.fits(tokens, self._claims.limits, self._leases.held))
        self._leases.hold(batch)
        self._handed = [one for one in (*self._handed, batch) if one.turn]
        if not self._stopping.is_set():
            self._thread.hand(batch)
            self._changes.notify()
            await self._gather()

    async def _gather(self) -> None:
        """Jobs that trickle in are claimed a few at a time; but one that finds the card idle never waits."""
        if pause := self._batching.pause_after_claim(self._thread.step):
            await self._changes.until_or_for(pause, lambda: not self._leases or self._stopping.is_set())

    async def _return(self, batch: Batch) -> None:
        """Back to the head of the queue, unless the engine has begun with it."""
        if batch.take_turn():
            self._leases.close(batch.id)
            try:
                await self._retry.call(lambda: self._broker.release(batch.id))
            finally:
                self._vitals.let_go(batch.id)

    # What the model's thread reports

    def _report(self, report: Report) -> None:
        """Called in the model's thread."""
        assert self._events is not None
        self._events.call_soon_threadsafe(self._take_in, report)

    def _take_in(self, report: Report) -> None:
        if report.jobs:
            jobs = round(report.jobs)
            self._batching.learn(jobs, report.step, stays=report.stays, has_failures=report.has_failures)
        for left in report.left:
            self._leases.leave(left)
        self._changes.notify()

    def _told(self, batch: Batch) -> None:
        """All of a batch have been told of its end."""
        self._watch.told(batch, self._claims.allowed)
        self._claims.answered(batch, self._batching.speed.lately)

    # Waiting

    def _on_wait(self) -> None:
        """The broker is away: that is not the engine's fault. A trip that fails beside a broker that answers is no
        progress: only completed work is. Nor do claims beside a step that hangs make it look alive."""
        if not self._vitals.hears_broker and not self._leases.jobs:
            self._vitals.progress()

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Until it holds, or it is time to stop."""
        await self._changes.until(lambda: holds() or self._stopping.is_set())


async def _ended(thread: asyncio.Future[None]) -> None:
    await thread  # a task group takes coroutines only
