"""The life of a batch: claimed late, computed at once, finished while the next one runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import structlog

from batcher.engines.engine import Engine, LiveLimits
from batcher.engines.failures import GONE
from batcher.metrics import BatcherMetrics
from batcher.policy.speed import SpeedFit
from batcher.serving.batch import Batch
from batcher.serving.heartbeat import Vitals
from batcher.serving.lost_device import ending_with_device
from batcher.serving.service import Service
from broker.contract import BatcherBroker
from broker.errors import BrokerError
from broker.messages import Finish, Limits

log = structlog.get_logger("batcher")


class Loop(Service):
    """One card's loop. `stop` ends it after the running batch; a staged one goes back to the head of the queue."""

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
        super().__init__(broker, limits, batcher=batcher, vitals=vitals, fit=SpeedFit(), clock=clock)
        self._tell_start = tell_start  # of a staged batch; called in the model thread
        self._engine, self._metrics = engine, metrics
        self._live = LiveLimits(engine, lambda: self.limits)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._staged: Batch | None = None  # claimed, starts when the running one is done
        self._computed: Batch | None = None  # done, not published yet

    async def run(self) -> None:
        reclaiming = asyncio.create_task(self._reclaim_until_stopped())
        try:
            while not self._stopping.is_set():
                await self._survive(self._serve_once, self._abandon)
            await self._survive(self._wind_down, self._abandon)
        finally:
            reclaiming.cancel()
            self._thread.shutdown(wait=False)

    async def _serve_once(self) -> None:
        batch, self._staged = self._staged, None
        if batch is None:
            await self._publish(starts=None)  # what an error may have kept back
            batch = await self._claims.when_woken()
            if batch is None:
                return
            self._submit(batch)
        await self._attend(batch)

    def _submit(self, batch: Batch) -> None:
        # A staged batch queues up in the model thread itself, so that the card need not wait for this loop's turn.
        self._hold(batch)
        batch.running = self._thread.submit(self._compute, batch)

    def _compute(self, batch: Batch) -> None:
        """In the model thread."""
        if batch.is_staged:
            # Here, and not only with the FINISH that is on its way while this batch computes: a poison that kills at
            # once would pass for a batch that had not started, over and over.
            self._tell_start(batch.id)
        batch.start(self._clock(), self._cancelled)
        with ending_with_device():
            self._step_through(batch)
        batch.seconds = self._clock() - batch.started_at

    def _step_through(self, batch: Batch) -> None:
        if batch.jobs:
            self._engine.admit(batch.jobs)
        while batch.left:
            self._live.take_over()
            landed = batch.land(self._engine.step())
            self._vitals.progress()
            batch.stats = self._engine.last
            if not landed:  # such an engine ends all it holds in one step: what it kept back never comes
                log.error("engine lost jobs", batch=batch.id, jobs=batch.lose(GONE))

    async def _attend(self, batch: Batch) -> None:
        """While this batch runs: publish the one before, stage the one after."""
        running = asyncio.wrap_future(batch.running)
        try:
            await self._publish(starts=batch.id if batch.is_staged else None)
            await self._stage(batch, running)
            await self._done_or_told_to_stop(running)
        finally:
            await running  # whatever the broker does, the card never holds two batches
            self._computed = batch
        if self._staged is None:
            await self._publish(starts=None)
        self._account(batch)

    async def _stage(self, batch: Batch, running: asyncio.Future[None]) -> None:
        predicted = self._fit.predict(len(batch.claim.jobs))
        if predicted == 0.0:
            return
        try:
            self._staged = await self._claims.before(running, (batch.started_at or self._clock()) + predicted)
        except BrokerError as error:
            log.warning("nothing staged", error=str(error))
        if self._staged is not None:
            self._submit(self._staged)

    async def _done_or_told_to_stop(self, running: asyncio.Future[None]) -> None:
        if self._staged is None:
            return
        told: asyncio.Future[Any] = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait([running, told], return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
        if self._stopping.is_set():
            await self._return(self._staged)

    async def _return(self, staged: Batch) -> None:
        """Back to the head of the queue, unless the card has begun with it."""
        if staged.running.cancel():
            self._staged = None
            await self._patience.ask(lambda: self._broker.release(staged.id))
            self._let_go(staged)

    async def _publish(self, *, starts: str | None) -> None:
        """Finish the computed batch; the same trip says that the staged one starts."""
        batch, self._computed = self._computed, None
        if batch is not None:
            await self._finish(batch, starts)
            self._let_go(batch)
        elif starts is not None:
            await self._patience.ask(lambda: self._broker.start(starts))

    async def _finish(self, batch: Batch, starts: str | None) -> None:
        results, failures = batch.results(), batch.failures()
        if failures:
            await self._patience.ask(lambda: self._broker.fail(batch.id, failures))
        ended = [Finish(batch=batch.id, results=results, done=True)]
        await self._bring(ended, starts=starts)

    def _account(self, batch: Batch) -> None:
        failures = batch.failures()
        if batch.jobs and not failures:
            self._fit.observe(len(batch.jobs), batch.seconds)
            self.learn()
        self._metrics.batch(batch, failures)
        log.info(
            "batch",
            jobs=len(batch.jobs),
            groups=batch.stats.groups,
            closed_by=batch.closed_by,
            waited=f"{batch.waited * 1000:.1f}ms",
            forward=f"{batch.seconds * 1000:.1f}ms",
            failed=len(failures),
            unwanted=len(batch.claim.jobs) - len(batch.jobs),
        )

    # ComputeFailure and the end

    def _abandon(self) -> None:
        kept = [batch for batch in (self._staged, self._computed) if batch is not None]
        self._vitals.batches = {batch.id: tuple(job.id for job in batch.claim.jobs) for batch in kept}

    async def _wind_down(self) -> None:
        staged, self._staged = self._staged, None
        if staged is not None:
            await self._attend(staged)
        await self._publish(starts=None)
