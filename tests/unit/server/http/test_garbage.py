"""A request leaves no cycles behind: looking for them took a third of all time once, a tenth of a second at a go."""

from __future__ import annotations

import asyncio
import gc

import pytest

from broker.messages import FailureCode, Verdict
from server.__main__ import tune_garbage_collector
from server.http.deadline import LATE, SWEEP_PERIOD
from tests.unit.server.stand_in import ScriptedBroker, running

pytestmark = pytest.mark.anyio

GOOD = b'{"payload": {"records": [{"id": 1, "text": "one two"}, {"id": 2, "text": "three"}]}}'


class Cycle:
    """Holds the scope and is held by it if anything stores `send` there, as uvicorn's does."""

    def __init__(self, body: bytes, path: str) -> None:
        self.scope = {"type": "http", "method": "POST", "path": path, "headers": [], "root_path": "", "state": {}}
        self.body = body
        self.status = 0

    async def receive(self):
        if self.body:
            body, self.body = self.body, b""
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.Event().wait()

    async def send(self, message):
        self.status = message.get("status", self.status)


class LateBroker(ScriptedBroker):
    """Answers when the request has had a timer for a while."""

    async def admit(self, sequence, requests, cancelled):
        await asyncio.sleep(2 * (LATE + SWEEP_PERIOD))
        return await super().admit(sequence, requests, cancelled)


async def status_of(app, body, path):
    cycle = Cycle(body, path)
    await app(cycle.scope, cycle.receive, cycle.send)
    return cycle.status


@pytest.mark.parametrize(
    ("status", "body", "path", "verdict"),
    [
        pytest.param(200, GOOD, "/models/echo", Verdict(), id="answered"),
        pytest.param(400, b"{", "/models/echo", Verdict(), id="malformed"),
        pytest.param(404, GOOD, "/models/ecko", Verdict(), id="unknown model"),
        pytest.param(404, GOOD, "/nowhere", Verdict(), id="unknown address"),
        pytest.param(422, GOOD.replace(b"one two", b"impossible"), "/models/echo", Verdict(), id="impossible"),
        pytest.param(429, GOOD, "/models/echo", Verdict(refusal=FailureCode.CONTENDED), id="refused"),
    ],
)
@pytest.mark.parametrize("settings", [{}, {"cache_bytes": 100_000, "history": True}], ids=["", "cache and history"])
async def test_a_request_leaves_nothing_to_the_garbage_collector(status, body, path, verdict, settings):
    if status == 422:
        body = body.replace(b"three", b"impossible")
    async with running(ScriptedBroker(verdict=verdict), **settings) as jitney:
        await status_of(jitney.app, body, path)  # whatever is made once is made now
        await asyncio.sleep(0)
        gc.collect()
        gc.disable()
        try:
            answered = await status_of(jitney.app, body, path)
            await asyncio.sleep(0)

            assert (answered, gc.collect()) == (status, 0)
        finally:
            gc.enable()


async def test_a_late_request_leaves_nothing_either():
    async with running(LateBroker()) as jitney:
        await status_of(jitney.app, GOOD, "/models/echo")
        await asyncio.sleep(0)
        gc.collect()
        gc.disable()
        try:
            answered = await status_of(jitney.app, GOOD, "/models/echo")
            await asyncio.sleep(0)
            await asyncio.sleep(0)

            assert (answered, gc.collect()) == (200, 0)
        finally:
            gc.enable()


@pytest.fixture
def runs():
    """Generations that the garbage collector of a front end has looked at, one for each run."""
    threshold, runs = gc.get_threshold(), []
    tune_garbage_collector()
    gc.callbacks.append(count := lambda phase, about: runs.append(about["generation"]) if phase == "start" else None)
    yield runs
    gc.callbacks.remove(count)
    gc.set_threshold(*threshold)
    gc.unfreeze()


async def test_a_thousand_requests_that_wait_do_not_wake_the_garbage_collector(runs):
    async with running(LateBroker()) as jitney:
        await asyncio.gather(*[status_of(jitney.app, GOOD, "/models/echo") for _ in range(1_000)])

    assert not runs
