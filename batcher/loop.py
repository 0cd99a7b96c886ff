"""The life of a batch: claimed late, computed at once, finished while the next one runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import structlog

from batcher.batch import Batch
from batcher.claims import Claims
from batcher.engine import Engine
from batcher.heartbeat import Vitals
from batcher.metrics import BatcherMetrics
from batcher.patience import Patience
from batcher.speed import SpeedFit
from broker.contract import BatcherBroker
from broker.errors import BrokerError, BrokerUnavailable
from broker.messages import Limits, Pulse, Speed
from broker.seldom import Seldom

RECLAIM_EVERY = 1.0  # seconds
log = structlog.get_logger("batcher")


class Loop:
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
        self._tell_start = tell_start  # of a staged batch; called in the model thread
        self._broker, self._engine, self._configured = broker, engine, limits
        self._vitals, self._metrics, self._clock = vitals, metrics, clock
        self._stopping = asyncio.Event()
        self._refused, self._not_reclaimed = Seldom(log.error), Seldom(log.warning)
        self._patience = Patience(self._stopping, on_wait=vitals.progress)
        self._fit = SpeedFit()
        self._claims = Claims(
            broker,
            limits,
            batcher=batcher,
            patience=self._patience,
            stopping=self._stopping,
            clock=clock,
            predict=self._fit.predict,
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._staged: Batch | None = None  # claimed, starts when the running one is done
        self._computed: Batch | None = None  # done, not published yet
        self._cancelled: frozenset[str] = frozenset()
        self.speed = Speed()  # what the fit says; replaced whole, for the heartbeat reads it from its own thread

    @property
    def limits(self) -> Limits:
        """Those that the next batch will have."""
        return self._claims.limits

    def stop(self) -> None:
        """Claim no more, finish what runs, return what is staged."""
        self._stopping.set()

    def pulse(self, pulse: Pulse) -> None:
        """Take in what a beat brought back. Called from the heartbeat's thread; each field is replaced whole."""
        self._cancelled = pulse.cancelled
        self._claims.limits = pulse.limits or self._configured

    async def run(self) -> None:
        """Serve until stopped. Whatever goes wrong with one batch, the loop lives on."""
        reclaiming = asyncio.create_task(self._reclaim_until_stopped())
        try:
            while not self._stopping.is_set():
                await self._survive(self._serve_once)
            await self._survive(self._wind_down)
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
        if batch.jobs:
            self._engine.admit(batch.jobs)
        while len(batch.done) < len(batch.jobs):
            batch.done += self._engine.step()
            self._vitals.progress()
            batch.stats = self._engine.last
        batch.seconds = self._clock() - batch.started_at

    async def _attend(self, batch: Batch) -> None:
        """While this batch runs: publish the one before, stage the one after."""
        assert batch.running is not None
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
        assert staged.running is not None
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
        await self._patience.ask(lambda: self._broker.finish(batch.id, results, done=True, starts=starts))

    def _account(self, batch: Batch) -> None:
        failures = batch.failures()
        if batch.jobs and not failures:
            self._fit.observe(len(batch.jobs), batch.seconds)
            self.speed = self._fit.speed
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

    # Leases: the heartbeat extends those that are held

    def _hold(self, batch: Batch) -> None:
        self._vitals.progress()
        self._vitals.batches = {**self._vitals.batches, batch.id: tuple(job.id for job in batch.claim.jobs)}

    def _let_go(self, batch: Batch) -> None:
        self._vitals.batches = {id: jobs for id, jobs in self._vitals.batches.items() if id != batch.id}

    # Trouble and the end

    async def _survive(self, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        except BrokerUnavailable as error:
            log.warning("broker away", error=str(error))
            await self._patience.pause()
        except Exception as error:
            # What the broker says is said again a second later, and needs no traceback.
            tell = self._refused if isinstance(error, BrokerError) else log.exception
            tell("batch abandoned: its lease runs out and its jobs are served again", error=str(error))
            kept = [batch for batch in (self._staged, self._computed) if batch is not None]
            self._vitals.batches = {batch.id: tuple(job.id for job in batch.claim.jobs) for batch in kept}
            await self._patience.pause()

    async def _wind_down(self) -> None:
        staged, self._staged = self._staged, None
        if staged is not None:
            await self._attend(staged)
        await self._publish(starts=None)

    async def _reclaim_until_stopped(self) -> None:
        while not self._stopping.is_set():  # and not until cancelled: a connection that opens may swallow that
            await asyncio.sleep(RECLAIM_EVERY * random.uniform(0.75, 1.0))
            try:
                for letter in await self._broker.reclaim():
                    log.error("dead letter", job=letter.job_id, model=letter.model)
            except BrokerError as error:
                self._not_reclaimed("reclaim failed", error=str(error))
            except Exception:
                log.exception("reclaim failed")
