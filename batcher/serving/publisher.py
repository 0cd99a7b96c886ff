"""Tells the broker what has ended: all of it in one trip, whatever batches it is of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from batcher.batch_log import BatchLog
from batcher.metrics import BatcherMetrics
from batcher.policy.batching import Batching
from batcher.serving.batch import Batch
from batcher.serving.changes import Changes
from batcher.serving.heartbeat import Vitals
from batcher.serving.leases import Ended, Lease, Leases
from batcher.serving.retry import Retry
from broker.contract import BatcherBroker
from broker.errors import TripFailed
from broker.messages import Failure, FailureCode, Finish, requests_of

NOT_BROUGHT = "the outcome of this input could not be brought back"
log = structlog.get_logger("batcher")


class Publisher:
    """Takes what has ended out of `leases`, and closes those that are over."""

    def __init__(
        self,
        broker: BatcherBroker,
        leases: Leases,
        changes: Changes,
        *,
        batching: Batching,
        retry: Retry,
        vitals: Vitals,
        metrics: BatcherMetrics,
        step: Callable[[], float],  # seconds that one takes
        size: Callable[[], int],  # jobs that the engine may hold
        learn: Callable[[], None],  # called with every trip: there is something new to announce
        told: Callable[[Batch], None],  # called when all of a batch have been told of its end
        traced: Callable[[Lease], None] | None = None,  # the same, and whatever became of it; None: there are no spans
    ) -> None:
        self._broker, self._leases, self._changes = broker, leases, changes
        self._batching, self._retry, self._vitals, self._metrics = batching, retry, vitals, metrics
        self._step, self._size, self._learn, self._told = step, size, learn, told
        self._log, self._traced = BatchLog(), traced
        self._ended: Sequence[Ended] = ()  # on their way to the broker

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._changes.until(lambda: self._leases.has_news)
                await self._gather()
                await self._retry.survive(self._publish, self._abandon)
        finally:
            self._log.tell()

    async def _gather(self) -> None:
        """Those that end soon after each other share a trip."""
        if pause := self._batching.pause_before_finish(self._step(), self._leases.held):
            await self._changes.until_or_for(pause, self._are_enough)

    def _are_enough(self) -> bool:
        return self._batching.are_enough(self._leases.held, size=self._size())

    async def _publish(self) -> None:
        # The batch behind runs by now; the same trip says so.
        running = self._leases.running
        starts = running.batch.id if running is not None and running.batch.is_staged else None
        ended = self._ended = self._leases.take_ended()
        for one in ended:
            if one.failures:
                await self._retry.call(partial(self._broker.fail, one.finish.batch, one.failures))
        await self._finish(ended, starts)
        self._ended = ()  # first, so that whatever goes wrong from here on closes no lease a second time
        self._close(ended)
        self._learn()

    async def _finish(self, ended: Sequence[Ended], starts: str | None) -> None:
        """FINISH, until it is done; results that no trip can carry fail, so that their callers know."""
        finishes = [one.finish for one in ended]
        try:
            await self._retry.call(lambda: self._broker.finish(finishes, starts=starts))
        except TripFailed as error:
            whose = requests_of([job for one in ended for job in one.lease.batch.claim.jobs])
            batches = [one.batch for one in finishes]
            log.error("results not brought: their jobs fail", batches=batches, **whose, error=str(error))
            for one in finishes:
                await self._retry.call(partial(self._broker.fail, one.batch, _not_brought(one)))
            bare = [replace(one, results=()) for one in finishes]
            await self._retry.call(lambda: self._broker.finish(bare, starts=starts))

    def _abandon(self) -> None:
        """What was not published is computed again, by whoever claims it then. What still runs is published all the
        same."""
        ended, self._ended = self._ended, ()
        for one in ended:
            one.lease.is_abandoned = True
            self._vitals.let_go(one.lease.batch.id)
        self._close(ended)

    def _close(self, ended: Sequence[Ended]) -> None:
        for one in ended:
            if one.is_over:
                self._leases.close(one.finish.batch)
                self._vitals.let_go(one.finish.batch)
                self._account(one.lease)
        self._changes.notify()

    def _account(self, lease: Lease) -> None:
        batch = lease.batch
        self._metrics.lease(batch, lease.failed)
        if not lease.is_abandoned:
            self._told(batch)
        self._log.told(lease, in_flight=self._leases.jobs)
        if self._traced is not None:
            self._traced(lease)


def _not_brought(ended: Finish) -> list[Failure]:
    return [
        Failure(job_id=result.job_id, code=FailureCode.MODEL_ERROR, message=NOT_BROUGHT) for result in ended.results
    ]
