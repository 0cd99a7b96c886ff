"""The history over the whole front end, on the in-memory twin."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from broker.history.rows import HistoryRow, rows_of
from broker.memory import MemoryFrontEnd, MemoryStore
from broker.memory.history import MemoryHistory
from server.app import create_app
from server.broker_tasks import BrokerTasks
from server.front_end import FrontEnd
from server.history import appender, history
from server.history.history import Note
from server.history.startup import history_from
from server.settings import ServerSettings
from tests.unit.server.predictions.asking import ASYNC, ended
from tests.unit.server.stand_in import ScriptedBroker, WordCodec, card, never, running
from tests.unit.server.test_twin import SHA, Batcher, asked, met

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


async def test_what_is_refused_as_its_inputs_are_encoded_has_rows(clock) -> None:
    store = MemoryStore(clock)
    batcher = Batcher(store, "r1")
    batcher.card = card(revision="r1", task="embedding", artifacts={"words.txt": SHA})
    batcher.appear()

    async with noting(store, clock) as (tasks, client):
        await met(tasks, store)
        answer = await client.post("/v1/embeddings", json={"model": "echo", "input": ["good", "impossible"]})
        assert answer.status_code == 400
        async with asyncio.timeout(5.0):
            while not brought(store):
                await asyncio.sleep(0.01)

    assert [(row.status, row.code, row.model) for row in brought(store)] == [(422, "invalid_input", "echo")] * 2


async def test_a_prediction_whose_time_is_over_while_it_waits_has_a_row_for_each_record(monkeypatch) -> None:
    store, broker = MemoryStore(time.time), ScriptedBroker()
    monkeypatch.setattr(broker, "history", MemoryHistory(store), raising=False)
    headers = ASYNC | {"X-Request-Timeout": "0.2", "X-Request-ID": "mine"}

    async with running(broker, history=True) as jitney:
        accepted = await jitney.ask(*["fail:no_batcher"] * 3, headers=headers)
        assert (await ended(jitney, accepted))["status"] == "expired"

    seen = [(row.status, row.code, row.request_id, row.model, row.task) for row in brought(store)]
    assert seen == [(504, "expired", "mine", "echo", card().task)] * 3
    assert len({row.id for row in brought(store)}) == 3


@pytest.mark.parametrize("texts", [("one",), ("one", "two")], ids=["noted with others", "noted by itself"])
async def test_a_request_of_which_no_row_can_be_made_is_answered_and_costs_no_other_its_row(monkeypatch, texts) -> None:
    store, broker, whole = MemoryStore(time.time), ScriptedBroker(), Note.of_request
    monkeypatch.setattr(broker, "history", MemoryHistory(store), raising=False)
    asked = {"X-Request-ID": "bad"}, {"X-Request-ID": "good"}

    def of_request(note: Note) -> Any:
        if note._context.request_id == b"bad":
            raise RuntimeError("a secret")
        return whole(note)

    monkeypatch.setattr(Note, "of_request", of_request)
    async with running(broker, history=True) as jitney:
        answers = [await jitney.ask(*texts, headers=headers) for headers in asked]
        await jitney.until(lambda: brought(store))
        fates = dict(jitney.front_end.history.appender.fates)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert {row.request_id for row in brought(store)} == {"good"}
    assert fates["dropped", "unreadable"] == len(texts)


async def test_a_prediction_of_which_no_row_can_be_made_ends_like_any_other(monkeypatch) -> None:
    def refuse(row: Any) -> bytes:
        raise RuntimeError("a secret")

    monkeypatch.setattr(history, "row_to_bytes", refuse)
    async with running(history=True) as jitney:
        accepted = await jitney.ask(*["fail:no_batcher"] * 3, headers=ASYNC | {"X-Request-Timeout": "0.2"})
        assert (await ended(jitney, accepted))["status"] == "expired"
        assert jitney.front_end.history.appender.fates == {("dropped", "unreadable"): 3}
