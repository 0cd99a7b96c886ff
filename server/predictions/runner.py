"""Runs a prediction as if its client waited: through the same address, until there is an answer or no time is left."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from functools import partial

import structlog
from starlette.types import ASGIApp

from broker.messages import FailureCode
from broker.predictions.contract import Ending, Order, Prediction, PredictionBroker, State
from server.errors import Problem, whole_seconds
from server.front_end import FrontEnd
from server.predictions.attempt import Attempt
from server.predictions.keeper import MOST_RUNNING, shown
from server.predictions.large.pump import Pump
from server.predictions.stored import Answer, Stored, request_from, write_answer

log = structlog.get_logger("server.predictions")

TOO_LATE = "The time for this prediction was over before it was computed."
NOT_KEPT = "The broker had no room for this prediction's result until its time was over."


class Runner:
    """Runs the predictions of one front end, a few of each model at once: one that is slow, or has no batcher, holds up
    no other. `app` has the addresses."""

    def __init__(self, front_end: FrontEnd, app: ASGIApp) -> None:
        self._front_end = front_end
        self._keeper = front_end.tasks.predictions
        self._bodies = front_end.prediction_bodies
        self._app = app
        self._turns = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(MOST_RUNNING))

    async def __call__(self, id: str, order: Order | None) -> None:
        """Returns when this prediction has ended, or is held by another. Without its order it is looked for, and its
        body fetched once its turn has come."""
        who: Mapping[str, str] = {}
        try:
            if order is not None:
                stored = request_from(order.request)
                who = stored.identity
                await self._run_new(id, order, stored)
            elif (found := (await self._keeper.ask(lambda broker: broker.read([id]))).get(id)) is not None:
                stored = request_from(found.request)
                who = stored.identity
                await self._run_found(id, found, stored)
        except Problem as problem:  # the broker is away: whoever has the lease then goes on
            log.warning("prediction given up", prediction=shown(id), **who, code=problem.code)

    async def _run_new(self, id: str, order: Order, stored: Stored) -> None:
        ends_at = self._front_end.clock() + order.time_left
        async with self._turns[stored.model], self._bodies[stored.model].of(len(order.body)):
            one = self._attempt(stored, order.body, Pump(id, self._front_end, stored.identity))
            await self._run(id, one, ends_at, order.records)

    async def _run_found(self, id: str, prediction: Prediction, stored: Stored) -> None:
        ends_at = self._front_end.clock() + prediction.deadline - prediction.now
        async with self._turns[stored.model], self._bodies[stored.model].of(prediction.size):
            body = await self._keeper.ask(lambda broker: broker.begin(id, self._keeper.front_end))
            if body is not None:
                pump = Pump(id, self._front_end, stored.identity)
                if prediction.done + prediction.failed:
                    await pump.load()
                await self._run(id, self._attempt(stored, body, pump), ends_at, prediction.records)

    def _attempt(self, stored: Stored, body: bytes, pump: Pump) -> Attempt:
        return Attempt(stored, body, self._front_end.caller_named, pump)

    async def _run(self, id: str, one: Attempt, ends_at: float, records: int) -> None:
        answer = await self._answer(one, ends_at, records)
        await self._finish(id, one, answer, ends_at)

    async def _answer(self, one: Attempt, ends_at: float, records: int) -> Answer:
        """The answer, or the problem that no waiting mends."""
        while True:
            time_left = ends_at - self._front_end.clock()
            if time_left <= 0.0:
                too_late = Problem(FailureCode.EXPIRED, TOO_LATE)
                if self._front_end.history is not None:
                    self._front_end.history.unread(one.stored, records, too_late)
                return one.refused(too_late)
            answer = await one.run(self._app, time_left, self._front_end.clock())
            if one.wait is None:
                return answer
            await asyncio.sleep(min(one.wait, max(0.0, ends_at - self._front_end.clock())))

    async def _finish(self, id: str, one: Attempt, answer: Answer, ends_at: float) -> None:
        """Have it kept. Where the broker cannot, again until the time is over."""
        while True:
            ending = await self._ending(id, one, answer)
            try:
                counts = await self._keeper.ask(partial(_finish, ending))
            except Problem as problem:
                if self._front_end.clock() < ends_at:
                    await asyncio.sleep(whole_seconds(problem.retry_after))
                    continue
                if ending.state is not State.SUCCEEDED:
                    raise
                answer = one.refused(Problem(FailureCode.BROKER_FULL, NOT_KEPT))
            else:
                self._note(ending, one.stored, counts=counts)
                return

    async def _ending(self, id: str, one: Attempt, answer: Answer) -> Ending:
        records, failed = one.context.counts
        return Ending(
            id=id,
            owner=self._keeper.front_end,
            state=one.state,
            result=await write_answer(answer),
            done=records - failed,
            failed=failed,
            keep=self._front_end.settings.prediction_ttl,
        )

    def _note(self, ending: Ending, stored: Stored, *, counts: bool) -> None:
        state = ending.state if counts else "superseded"
        self._front_end.metrics.predictions[(str(state),)] += 1
        counted = {"done": ending.done, "failed": ending.failed}
        log.info("prediction ended", prediction=shown(ending.id), **stored.identity, state=str(state), **counted)


async def _finish(ending: Ending, broker: PredictionBroker) -> bool:
    return await broker.finish(ending)
