"""Tasks on connections of their own: each is started again when it ends, until all are told to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog

from broker.errors import BrokerUnavailable, BrokerUnfit
from server.broker_tasks import BrokerTasks
from tests.unit.server.stand_in import ScriptedBroker, WordCodec

pytestmark = pytest.mark.anyio


class ScriptedTask:
    """Does what the test says with its connection."""

    def __init__(self, run):
        self.run = run
        self.ticked = 0.0


async def kept(connect, run, rounds, *, met=False, clock=time.monotonic):
    """`BrokerTasks.keep` for so many rounds: all tasks, this one, the pauses, and what was unfit."""
    pauses, unfit, task = [], [], ScriptedTask(run)

    async def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == rounds:
            raise asyncio.CancelledError

    tasks = BrokerTasks(connect, "f" * 16, WordCodec, on_unfit=unfit.append, clock=clock, sleep=sleep)
    tasks.discovery.has_met_broker = met
    with pytest.raises(asyncio.CancelledError):
        await tasks.keep("reader", task)
    return tasks, task, pauses, unfit


class Connection:
    def __init__(self, error=None):
        self.error = error
        self.opened = self.closed = 0

    def __call__(self):
        return self

    async def __aenter__(self):
        if self.error:
            raise self.error
        self.opened += 1
        return ScriptedBroker()

    async def __aexit__(self, *error):
        self.closed += 1


async def test_a_task_that_crashes_is_started_again_on_a_new_connection():
    async def crash(broker):
        raise RuntimeError("a bug")

    connection = Connection()

    _, _, pauses, _ = await kept(connection, crash, rounds=3)

    assert (connection.opened, connection.closed, len(pauses)) == (3, 3, 3)


async def test_a_broker_that_cannot_be_reached_opens_the_breaker():
    async def run(broker):
        raise AssertionError("never connected")

    tasks, _, _, unfit = await kept(Connection(BrokerUnavailable()), run, rounds=2)

    assert (tasks.breaker.is_open, unfit) == (True, [])


async def test_a_task_that_cannot_connect_is_alive_all_the_same(clock):
    async def run(broker):
        raise AssertionError("never connected")

    _, task, _, _ = await kept(Connection(BrokerUnavailable()), run, rounds=2, clock=clock)

    assert task.ticked == clock()


async def test_a_broker_that_is_lost_when_reconnecting_opens_the_breaker_again():
    connection = Connection()

    async def run(broker):
        tasks.breaker.close()
        connection.error = BrokerUnavailable()
        raise BrokerUnavailable

    async def sleep(seconds):
        if connection.opened and tasks.breaker.is_open:
            raise asyncio.CancelledError

    tasks = BrokerTasks(connection, "f" * 16, WordCodec, sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await tasks.keep("reader", ScriptedTask(run))

    assert tasks.breaker.is_open


async def test_each_outage_is_told_once():
    connection = Connection(BrokerUnavailable())
    pauses = []

    async def run(broker):
        connection.error = BrokerUnavailable()
        raise BrokerUnavailable

    async def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            connection.error = None
        if len(pauses) == 5:
            raise asyncio.CancelledError

    tasks = BrokerTasks(connection, "f" * 16, WordCodec, sleep=sleep)
    with structlog.testing.capture_logs() as lines, pytest.raises(asyncio.CancelledError):
        await tasks.keep("reader", ScriptedTask(run))

    assert [line["event"] for line in lines] == ["broker not reached"] * 2


async def test_a_broker_that_became_unfit_is_only_away():
    async def run(broker):
        raise AssertionError("never connected")

    _, _, _, unfit = await kept(Connection(BrokerUnfit("evicts")), run, rounds=1, met=True)

    assert unfit == []


async def test_an_unfit_broker_is_complained_about_before_the_first_contact():
    async def run(broker):
        raise AssertionError("never connected")

    error = BrokerUnfit("set it to noeviction")

    _, _, _, unfit = await kept(Connection(error), run, rounds=1)

    assert unfit == [error]


# So did uvloop, while a connection was being opened: a front end without a broker did not end at SIGTERM.
async def test_tasks_end_though_opening_a_connection_swallows_the_first_cancellation():
    swallowed = []

    @asynccontextmanager
    async def connect() -> AsyncIterator[None]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if len(swallowed) == 3:
                raise
            swallowed.append(asyncio.current_task())
        raise BrokerUnavailable
        yield

    tasks = BrokerTasks(connect, "f" * 16, WordCodec)

    async with asyncio.timeout(10.0):
        async with tasks.running():
            await asyncio.sleep(0)

    assert len(set(swallowed)) == 3


async def test_predictions_whose_connection_breaks_get_another_later_and_later_and_open_no_breaker(monkeypatch):
    monkeypatch.setattr("random.uniform", max)
    connection, pauses = Connection(), []

    async def broken(broker):
        raise BrokerUnavailable

    async def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            raise asyncio.CancelledError

    tasks = BrokerTasks(connection, "f" * 16, WordCodec, sleep=sleep)
    tasks.breaker.close()
    tasks.predictions.run = broken
    with pytest.raises(asyncio.CancelledError):
        await tasks.keep_aside("predictions", tasks.predictions)

    assert (connection.opened, tasks.breaker.is_open) == (3, False)
    assert pauses == [0.02, 0.04, 0.08]


async def test_an_outage_gives_predictions_a_new_connection_when_it_is_over():
    connection, told = Connection(), asyncio.Event()

    async def idle(broker):
        told.set()
        await asyncio.Event().wait()

    tasks = BrokerTasks(connection, "f" * 16, WordCodec)
    tasks.predictions.run = idle
    keeping = asyncio.create_task(tasks.keep_aside("predictions", tasks.predictions))
    for _ in range(2):
        tasks.breaker.close()
        await told.wait()
        told.clear()
        tasks.breaker.open()
    keeping.cancel()
    await asyncio.wait([keeping])

    assert connection.opened == 2
