"""When and what a batcher claims: late, so that the backlog stays in the broker for every card."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from batcher.policy.bulk_share import bulk_lead
from batcher.policy.gathering.decision import Gathering
from batcher.policy.window import Window, closing_reason, time_to_stage
from batcher.serving.batch import Batch
from batcher.serving.retry import Retry
from broker.contract import NEVER, BatcherBroker
from broker.errors import TripFailed
from broker.messages import Claim, Depth, Limits, Speed

IDLE_WAIT = 0.5  # seconds that a lost wake token may cost
SERVER_GRAIN = 0.15  # seconds: servers look after blocked clients ten times a second (hz), and wake them so much later
POLL = 0.005  # seconds between two looks at the queue in the last moments of a fixed window; a quarter of a short one
GRAIN = 0.001  # seconds: no two looks are nearer
LOOKS = 3  # at the queue, while callers come back as expected


class Claims:
    """Claims one batch at a time, under names that no other batch ever had."""

    def __init__(
        self,
        broker: BatcherBroker,
        limits: Limits,
        *,
        batcher: str,
        retry: Retry,
        stopping: asyncio.Event,
        clock: Callable[[], float],
        predict: Callable[[int], float] = lambda jobs: 0.0,
        within: Callable[[Limits], Limits] = lambda limits: limits,
        gathering: Gathering | None = None,
    ) -> None:
        self._broker, self._batcher, self._retry = broker, batcher, retry
        self._stopping, self._clock = stopping, clock
        self._predict = predict  # seconds that a batch of so many jobs takes; 0.0 while nobody knows
        self._within = within  # what a batcher makes of these by itself
        self._gathers_with = gathering  # None: nobody is ever waited for but under `fixed`
        self.allowed = limits  # an operator's; replaced whole when they change
        self._count = 0
        self._trip = 0.001  # seconds: a round trip to the broker, as measured
        self._may_wait = True  # jobs may wait already, so do not block for a token first
        self._may_stage = False  # jobs gather while the card is busy, and none of them is a suspect
        self.has_suspects = False  # in the last claim, or behind it: what runs beside them would share their blame
        self._bulk_lead = 0.0  # batches by which bulk has had more than its eighth
        self._suspects_next = False  # suspects take turns with new work, which a fresh process serves first

    @property
    def limits(self) -> Limits:
        """Those of the next batch."""
        return self._within(self.allowed)

    def answered(self, batch: Batch, speed: Speed) -> None:
        """All of a batch were just told of its end; `speed`: what is known of batches by now."""
        if self._gathers_with is not None and batch.jobs:
            now, ended = self._clock(), batch.started_at + batch.seconds
            known = now - (batch.claimed_at - batch.claim.claimed)  # on the broker's clock
            stay = sum(known - job.admitted for job in batch.jobs)
            self._gathers_with.answered(len(batch.jobs), ended=ended, now=now, stay=stay, speed=speed)

    async def when_woken(self, limits: Limits | None = None) -> Batch | None:
        """For an idle card: block for the wake token, hold a window open where one is to be, claim. None when nothing
        waits."""
        # Redis looks after blocked clients at its own pace (hz), so we block for the first job only; it is not the
        # clock of the window.
        limits, wait = limits or self.limits, self._wait
        gathering = self._gathering(limits)
        if limits.policy != "fixed" and not (gathering and gathering.may_wait()):
            return await self._claim(Window(limits=limits, opened_at=self._clock()), wait=wait)
        depth = await self._look(wait)
        if gathering is not None:
            return await self._gather(limits, gathering, depth)
        window = await self._hold_open(limits, depth)
        return None if window is None or self._stopping.is_set() else await self._claim(window)

    async def beside(self, room: Limits) -> Batch | None:
        """For an engine with jobs in flight: block for the wake token, claim what has room beside them."""
        return await self._claim(Window(limits=room, opened_at=self._clock()), staged=True, wait=self._wait)

    @property
    def _wait(self) -> float:
        """Seconds to block for a token."""
        return 0.0 if self._may_wait else IDLE_WAIT

    async def before(self, running: asyncio.Future[None], predicted_end: float, *, jobs: int = 1) -> Batch | None:
        """For a card that is busy with so many jobs: claim the next batch just before it comes free, so that it never
        waits for the broker."""
        limits, gathering = self.limits, self._gathering(self.limits)
        if not self._may_stage and not (gathering and not self.has_suspects and gathering.may_stage()):
            return None
        # Where a backlog waits nobody who comes later would be among them anyway.
        early = limits.policy == "fixed" or self._may_wait or (gathering is not None and gathering.gathers)
        await asyncio.wait([running], timeout=time_to_stage(predicted_end, self._trip, self._clock(), early=early))
        if running.done() or self._stopping.is_set():
            return None
        window = await self._window_behind(jobs, predicted_end)
        return await self._claim(window, staged=True) if window is not None else None

    async def _window_behind(self, running: int, predicted_end: float) -> Window | None:
        """None: what waits is to wait longer than so many jobs run."""
        limits, gathering = self.limits, self._gathering(self.limits)
        window = Window(limits=limits, opened_at=self._clock())
        if limits.policy == "fixed":
            depth = await self._look()
            window = replace(window, opened_at=self._clock() - depth.oldest_age)
            return window if depth.jobs and not window.is_open(predicted_end, depth) else None
        if gathering is not None and gathering.may_wait_behind(running, limits.max_batch_size):
            depth = await self._look()
            if gathering.waits_behind(running, depth.jobs, limits.max_batch_size) and not window.is_full(depth):
                self._may_wait = depth.jobs > 0
                return None
        return window

    def _gathering(self, limits: Limits) -> Gathering | None:
        """None where nobody is waited for by what is measured."""
        return self._gathers_with if limits.policy != "fixed" else None

    async def _gather(self, limits: Limits, gathering: Gathering, depth: Depth) -> Batch | None:
        """Claim what waits as soon as nobody is worth waiting for any more."""
        window, has_waited = Window(limits=limits, opened_at=self._clock()), False
        while not self._stopping.is_set() and not window.is_full(depth):
            wait = gathering.wait(depth.jobs, self._clock(), limits.max_batch_size, oldest=depth.oldest_age)
            if wait <= self._trip / 2:  # who comes until then is among those that are claimed
                break
            has_waited = True
            await asyncio.sleep(max(GRAIN, wait / LOOKS))
            depth = await self._look()
        self._may_wait = depth.jobs > 0
        if not depth.jobs or self._stopping.is_set():
            return None
        return await self._claim(window, gathered=has_waited)

    async def _look(self, wait: float = 0.0) -> Depth:
        return await self._retry.call(lambda: self._broker.depth(wait=wait))

    async def _hold_open(self, limits: Limits, depth: Depth) -> Window | None:
        """None when nothing waits: a job that comes after this look opens a window of its own."""
        window = Window(limits=limits, opened_at=self._clock() - depth.oldest_age)
        # The jobs stay in the queue meanwhile, where another card may take them.
        while depth.jobs and window.is_open(self._clock(), depth) and not self._stopping.is_set():
            await self._company(window.time_left(self._clock()))
            depth = await self._look()
        self._may_wait = depth.jobs > 0
        return window if depth.jobs else None

    async def _company(self, left: float) -> None:
        """Until a batch's worth waits, for which ADMIT pushes the wake token, or a part of the time left is over."""
        if left > SERVER_GRAIN:
            await self._retry.call(lambda: self._broker.wait(min(left - SERVER_GRAIN, IDLE_WAIT)))
        else:  # the server would wake us too late
            await asyncio.sleep(min(left, max(POLL / 5, min(left / 4, POLL))))

    async def _claim(
        self, window: Window, *, staged: bool = False, wait: float = 0.0, gathered: bool = False
    ) -> Batch | None:
        self._count += 1
        name, limits, waited = f"{self._batcher}:{self._count}", window.limits, self._clock() - window.opened_at
        gathering = self._gathering(limits)
        if gathering and (most := gathering.most(limits.max_batch_size, staged=staged)) < limits.max_batch_size:
            limits = replace(limits, max_batch_size=most)
        claim = await self._ask_for(name, limits, staged=staged, wait=wait)
        if not claim.jobs and not claim.spoiled:
            return None
        parts = claim.closed_by == "size" and limits.max_batch_size < window.limits.max_batch_size
        closed_by = "empty" if parts else claim.closed_by  # it is no operator's bound that made it small
        return Batch(
            claim=claim,
            claimed_at=self._clock(),
            window=0.0 if staged else waited,
            closed_by=closing_reason(closed_by, staged=staged, gathered=gathered, limits=limits),
            is_staged=staged,
        )

    async def _ask_for(self, name: str, limits: Limits, *, staged: bool, wait: float) -> Claim:
        suspects, waits, bulk_after = self._suspects_next, [wait], self._bulk_after(self.limits.max_batch_size)

        async def ask() -> Claim:
            # A lost answer is asked for again by the same name, which claims nothing more; and need not wait for it.
            asked_at, wait = self._clock(), waits.pop() if waits else 0.0
            claim = await self._broker.drain(
                name, limits, staged=staged, suspects=suspects, wait=wait, bulk_after=bulk_after
            )
            self._learn(claim, self._clock() - asked_at, waited=wait > 0.0, staged=staged)
            self._bulk_lead = bulk_lead(self._bulk_lead, claim, limits)
            return claim

        try:
            return await self._retry.call(ask)
        except TripFailed:  # its jobs may reach another batcher
            await self._retry.call(lambda: self._broker.release(name))
            raise

    def _bulk_after(self, size: int) -> float:
        """Seconds that bulk may be passed over: a quarter of a full batch's time, unless it has had its share."""
        return self._predict(size) / 4 if self._bulk_lead <= 0.0 else NEVER

    def _learn(self, claim: Claim, elapsed: float, *, waited: bool, staged: bool) -> None:
        if not waited:
            self._trip += 0.1 * (elapsed - self._trip)
        self._may_wait = claim.left > 0
        # By the jobs too: an answer that was asked for again does not say why the claim ended.
        are_suspects = claim.closed_by == "suspects" or any(job.attempts for job in claim.jobs)
        self._suspects_next = not are_suspects
        self.has_suspects = are_suspects or claim.suspects > 0
        # Jobs that were there before we asked: they came while the card was busy, and others will. A card that had to
        # wait for its job need not look for a next one while it computes.
        age = max((claim.claimed - job.admitted for job in claim.jobs), default=0.0)
        self._may_stage = not self.has_suspects and (self._may_wait or age > elapsed)
        if self._gathers_with is not None:
            now = self._clock()
            came = [now - claim.claimed + job.admitted for job in claim.jobs]
            self._gathers_with.claimed(came, left=claim.left, now=now, waited=age > elapsed, staged=staged)
