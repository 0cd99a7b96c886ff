"""What every loop does around its batches: stops when told, outlives trouble, keeps its leases, reclaims lost ones."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic

import structlog

from batcher.policy.mean_cost import MeanCost
from batcher.policy.speed import SpeedFit
from batcher.serving.batch import Batch
from batcher.serving.claims import Claims
from batcher.serving.heartbeat import Vitals
from batcher.serving.retry import Retry
from broker.common.throttled_log import ThrottledLog
from broker.contract import BatcherBroker
from broker.errors import BrokerError, BrokerUnavailable, TripFailed
from broker.messages import Failure, FailureCode, Finish, Limits, Pulse, Speed

RECLAIM_EVERY = 1.0  # seconds
NOT_BROUGHT = "the outcome of this input could not be brought back"
log = structlog.get_logger("batcher")


class Service(ABC):
    """What `Loop` and `InFlightLoop` share; `run` is theirs."""

    def __init__(
        self,
        broker: BatcherBroker,
        limits: Limits,
        *,
        batcher: str,
        vitals: Vitals,
        fit: SpeedFit,
        clock: Callable[[], float],
    ) -> None:
        self._broker, self._configured = broker, limits
        self._vitals, self._fit, self._clock = vitals, fit, clock
        self._stopping = asyncio.Event()
        self._refused, self._not_reclaimed = ThrottledLog(log.error), ThrottledLog(log.warning)
        self._patience = Retry(self._stopping, on_wait=self._on_wait, hears_broker=lambda: vitals.hears_broker)
        self._claims = Claims(
            broker,
            limits,
            batcher=batcher,
            patience=self._patience,
            stopping=self._stopping,
            clock=clock,
            predict=fit.predict,
        )
        self._cancelled: frozenset[str] = frozenset()
        self._cost = MeanCost()
        self._fitted = Speed()  # what the fit says; replaced whole, for the heartbeat reads it from its own thread

    @property
    def limits(self) -> Limits:
        """Those that the next batch will have."""
        return self._claims.limits

    @property
    def size(self) -> int:
        """Jobs that are computed together at the most."""
        return self.limits.max_batch_size

    @property
    def speed(self) -> Speed:
        """What the fit says; while the engine takes longer than for a full batch, so much more: a card that is stuck
        drains nothing, and what was not yet seen is known to last at least as long as it has."""
        known = self._fitted
        late = self._vitals.still_for(monotonic()) - known.fixed - known.per_job * self.size
        return replace(known, fixed=known.fixed + max(0.0, late)) if known != Speed() else known

    @property
    def cost(self) -> float:
        """Tokens that a job has had lately, on average; 0.0 while there was none."""
        return self._cost.mean

    def learn(self, seen: Iterable[tuple[int, float]] = ()) -> None:
        """Tell front ends what the fit says from now on, with these batches (jobs, and the seconds they took)."""
        for jobs, seconds in seen:
            self._fit.observe(jobs, seconds)
        self._fitted = self._fit.speed_up_to(self.size)

    def stop(self) -> None:
        """Claim no more, finish what runs, return what is claimed and has not started."""
        self._stopping.set()

    def pulse(self, pulse: Pulse) -> None:
        """Take in what a beat brought back. Called from the heartbeat's thread; each field is replaced whole."""
        # A batch whose lease is lost is computed all the same: its results are as good, and may be the first.
        self._cancelled = pulse.cancelled
        self._claims.limits = pulse.limits or self._configured

    @abstractmethod
    async def run(self) -> None:
        """Serve until stopped. Whatever goes wrong with one batch, the loop lives on."""

    # Leases: the heartbeat extends those that are held

    def _hold(self, batch: Batch) -> None:
        if not self._vitals.batches:  # a claim beside others says nothing of the engine, which may hang with them
            self._vitals.progress()
        self._cost.observe(batch.claim.jobs)
        self._vitals.batches = {**self._vitals.batches, batch.id: tuple(job.id for job in batch.claim.jobs)}

    def _let_go(self, batch: Batch) -> None:
        self._vitals.batches = {id: jobs for id, jobs in self._vitals.batches.items() if id != batch.id}

    # Results

    async def _bring(self, ended: Sequence[Finish], *, starts: str | None) -> None:
        """FINISH, until it is done; results that no trip can carry fail, so that their callers know."""
        try:
            await self._patience.ask(lambda: self._broker.finish(ended, starts=starts))
        except TripFailed as error:
            log.error("results not brought: their jobs fail", batches=[one.batch for one in ended], error=str(error))
            for one in ended:
                failures = [Failure(job_id=id, code=FailureCode.MODEL_ERROR, message=NOT_BROUGHT) for id in _ids(one)]
                await self._patience.ask(partial(self._broker.fail, one.batch, failures))
            bare = [replace(one, results=()) for one in ended]
            await self._patience.ask(lambda: self._broker.finish(bare, starts=starts))

    # ComputeFailure

    def _on_wait(self) -> None:
        """The broker is away: that is not the engine's fault. A trip that fails beside a broker that answers is no
        progress: only completed work is."""
        if not self._vitals.hears_broker:
            self._vitals.progress()

    async def _survive(self, act: Callable[[], Awaitable[None]], abandon: Callable[[], None]) -> None:
        """`abandon` lets go of the leases that `act` can no longer answer for."""
        try:
            await act()
        except BrokerUnavailable as error:
            log.warning("broker away", error=str(error))
            abandon()
            await self._patience.pause()
        except Exception as error:
            # What the broker says is said again a second later, and needs no traceback.
            tell = self._refused if isinstance(error, BrokerError) else log.exception
            tell("batch abandoned: its lease runs out and its jobs are served again", error=str(error))
            abandon()
            await self._patience.pause()

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


def _ids(ended: Finish) -> list[str]:
    return [result.job_id for result in ended.results]
