"""The link's tasks end when they are told to, whatever happens to a cancellation on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from broker.errors import BrokerUnavailable
from server.broker_tasks import BrokerTasks
from tests.unit.server.stand_in import WordCodec

pytestmark = pytest.mark.anyio


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
