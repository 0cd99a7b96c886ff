"""Runs a prediction as if its client waited: through the same address, until there is an answer or no time is left."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import partial
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Scope

from broker.messages import FailureCode
from broker.predictions.contract import Ending, Order, PredictionBroker, State
from server.errors import ASKS_TO_COME_BACK, INTERNAL_DETAIL, MEDIA_TYPE, Problem, whole_seconds
from server.front_end import FrontEnd
from server.http.context import RequestContext
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
        try:
            if order is None:
                await self._find_and_run(id)
                return
            stored, ends_at = request_from(order.request), self._front_end.clock() + order.time_left
            async with self._turns[stored.model], self._bodies[stored.model].of(len(order.body)):
                await self._run(id, Attempt(stored, order.body, Pump(id, self._front_end)), ends_at)
        except Problem as problem:  # the broker is away: whoever has the lease then goes on
            log.warning("prediction given up", prediction=shown(id), code=problem.code)

    async def _find_and_run(self, id: str) -> None:
        prediction = (await self._keeper.ask(lambda broker: broker.read([id]))).get(id)
        if prediction is None:
            return
        stored, time_left = request_from(prediction.request), prediction.deadline - prediction.now
        ends_at = self._front_end.clock() + time_left
        async with self._turns[stored.model], self._bodies[stored.model].of(prediction.size):
            body = await self._keeper.ask(lambda broker: broker.begin(id, self._keeper.front_end))
            if body is not None:
                pump = Pump(id, self._front_end)
                if prediction.done + prediction.failed:
                    await pump.load()
                await self._run(id, Attempt(stored, body, pump), ends_at)

    async def _run(self, id: str, one: Attempt, ends_at: float) -> None:
        answer = await self._answer(one, ends_at)
        await self._finish(id, one, answer, ends_at)

    async def _answer(self, one: Attempt, ends_at: float) -> Answer:
        """The answer, or the problem that no waiting mends."""
        while True:
            time_left = ends_at - self._front_end.clock()
            if time_left <= 0.0:
                return one.refused(Problem(FailureCode.EXPIRED, TOO_LATE))
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
                self._note(ending, counts=counts)
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

    def _note(self, ending: Ending, *, counts: bool) -> None:
        state = ending.state if counts else "superseded"
        self._front_end.metrics.predictions[(str(state),)] += 1
        counted = {"done": ending.done, "failed": ending.failed}
        log.info("prediction ended", prediction=shown(ending.id), state=str(state), **counted)


async def _finish(ending: Ending, broker: PredictionBroker) -> bool:
    return await broker.finish(ending)


class Attempt:
    """A stored request and what became of it the last time that it was run."""

    def __init__(self, stored: Stored, body: bytes, pump: Pump | None = None) -> None:
        self._stored = stored
        self._body = body
        self._pump = pump
        self._headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in stored.headers.items()]
        self._request_id = stored.headers.get("x-request-id", "").encode("latin-1")
        self.context = RequestContext(self._request_id, 0.0, dict(self._headers))
        self.state = State.FAILED
        self.wait: float | None = None  # seconds until it may be tried again; None: that would be of no use

    async def run(self, app: ASGIApp, time_left: float, now: float) -> Answer:
        """The answer of its address, which has so many seconds."""
        self.context = RequestContext(self._request_id, now, dict(self._headers))
        self.context.time_left, self.context.pump = time_left, self._pump
        self.state, self.wait = State.SUCCEEDED, None
        self._answer: dict[str, Any] = {"body": b""}
        self._is_read = False
        try:
            await app(self._scope(), self._receive, self._send)
        except Problem as problem:
            return self.refused(problem)
        except Exception:
            log.exception("prediction crashed", route=self._stored.path)
            return self.refused(Problem("internal", INTERNAL_DETAIL))
        return Answer(model=self.context.model.decode("ascii"), **self._answer)

    def refused(self, problem: Problem) -> Answer:
        """This problem ends it."""
        self.state = State.EXPIRED if problem.code == FailureCode.EXPIRED else State.FAILED
        self.wait = float(whole_seconds(problem.retry_after)) if problem.status in ASKS_TO_COME_BACK else None
        shown = self.context.refuse(problem, self._request_id.decode("latin-1"))
        media_type, model = (shown.media_type or MEDIA_TYPE).decode("ascii"), self.context.model.decode("ascii")
        return Answer(status=shown.status, media_type=media_type, body=shown.body, model=model)

    def _scope(self) -> Scope:
        stored = self._stored
        headers = [*self._headers, (b"content-length", b"%d" % len(self._body))]
        address = {"path": stored.path, "raw_path": stored.path.encode("utf-8"), "root_path": ""}
        asked = {"type": "http", "http_version": "1.1", "method": "POST", "headers": headers, "context": self.context}
        return {**asked, **address, "query_string": stored.query.encode("latin-1")}

    async def _receive(self) -> Message:
        if self._is_read:
            await asyncio.Event().wait()  # this client never hangs up
        self._is_read = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = {name: value.decode("latin-1") for name, value in message["headers"]}
            self._answer |= {"status": message["status"], "media_type": headers[b"content-type"]}
            self._answer["timing"] = headers.get(b"server-timing", "")
        else:
            self._answer["body"] += message.get("body", b"")
