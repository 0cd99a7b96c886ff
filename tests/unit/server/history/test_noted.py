"""The history over the whole front end, on the in-memory twin."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from broker.history.rows import HistoryRow, rows_of
from broker.memory import MemoryFrontEnd, MemoryStore
from server.app import create_app
from server.broker_tasks import BrokerTasks
from server.front_end import FrontEnd
from server.history import appender
from server.history.startup import history_from
from server.settings import ServerSettings
from tests.unit.server.stand_in import WordCodec, never
from tests.unit.server.test_twin import Batcher, asked, met

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def noting(store: MemoryStore, clock: Any):
    @asynccontextmanager
    async def connect():
        yield MemoryFrontEnd(store, "f" * 16)

    settings = ServerSettings(history=True)
    history = history_from({}, settings)
    assert history is not None
    tasks = BrokerTasks(connect, "f" * 16, WordCodec, clock=clock, sleep=never, history=history.appender)
    app = create_app(FrontEnd(settings=settings, tasks=tasks, clock=clock, history=history))
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://jitney")
    async with app.router.lifespan_context(app), client:
        yield tasks, client


def brought(store: MemoryStore) -> list[HistoryRow]:
    return [row for block in store.history for row in rows_of(block)]


async def test_what_was_not_brought_yet_goes_before_a_front_end_ends(clock, monkeypatch) -> None:
    monkeypatch.setattr(appender, "GATHER", 60.0)
    store = MemoryStore(clock)
    batcher = Batcher(store, "r1")
    batcher.appear()

    async with noting(store, clock) as (tasks, client):
        await met(tasks, store)
        await asked(client, batcher)
        await asyncio.sleep(0.05)
        assert brought(store) == []

    [row] = brought(store)
    assert (row.status, row.model, row.revision, row.output) == (200, "echo", "r1", b"")
