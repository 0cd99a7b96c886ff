"""The front end on the in-memory twin, which keeps the promises of the real broker."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager

import httpx2
import pytest

from broker.memory import MemoryBatcher, MemoryFrontEnd, MemoryHeartbeat, MemoryStore
from broker.messages import Finish, Limits, Presence, Result
from server.app import create_app
from server.broker_tasks import BrokerTasks
from server.front_end import FrontEnd
from server.settings import ServerSettings
from tests.unit.server.stand_in import WordCodec, card, never

pytestmark = pytest.mark.anyio

WORDS = b"life"
SHA = hashlib.sha256(WORDS).hexdigest()


class Batcher:
    """Announces a model that answers in capitals, and computes one batch when told to."""

    def __init__(self, store: MemoryStore, revision: str) -> None:
        self.card = card(revision=revision, artifacts={"words.txt": SHA})
        self.heart = MemoryHeartbeat(store, self.card.key)
        self.queue = MemoryBatcher(store, self.card.key)

    def appear(self) -> None:
        self.heart.announce(self.card, {SHA: WORDS})
        self.heart.beat(Presence(batcher=self.card.revision, model=self.card.key), {})

    async def compute(self) -> int:
        claim = await self.queue.drain("batch", Limits(), staged=False, suspects=False)
        results = [Result(job_id=job.id, output=job.input.upper()) for job in claim.jobs]
        await self.queue.finish([Finish(batch="batch", results=results, done=True)], starts=None)
        return len(claim.jobs)


@asynccontextmanager
async def front_end(store: MemoryStore, clock):
    @asynccontextmanager
    async def connect():
        yield MemoryFrontEnd(store, "f" * 16)

    tasks = BrokerTasks(connect, "f" * 16, WordCodec, clock=clock, sleep=never)
    app = create_app(FrontEnd(settings=ServerSettings(), tasks=tasks, clock=clock))
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://jitney")
    async with app.router.lifespan_context(app), client:
        yield tasks, client


async def asked(client, batcher):
    """One request, and the batcher that computes it."""
    body = {"payload": {"records": [{"id": 1, "text": "one two"}]}}
    asking = asyncio.create_task(client.post("/models/echo", json=body))
    while not asking.done():
        await asyncio.sleep(0)
        if (await batcher.queue.depth()).jobs:
            await batcher.compute()
    return asking.result()


async def met(tasks, store):
    await tasks.discovery.look(MemoryFrontEnd(store, "f" * 16))


async def test_a_text_travels_there_and_back(clock):
    store = MemoryStore(clock)
    batcher = Batcher(store, "r1")
    batcher.appear()
    async with front_end(store, clock) as (tasks, client):
        await met(tasks, store)

        answer = await asked(client, batcher)

        assert answer.json() == {"result": [{"id": 1, "text": "R1:ONE R1:TWO"}]}


async def test_a_broker_that_came_back_empty_gets_what_waits_again(clock, monkeypatch):
    monkeypatch.setattr("server.requests.reader.BLOCK", 0.01)  # the reader waits for a bell that is gone too
    store = MemoryStore(clock)
    batcher = Batcher(store, "r1")
    batcher.appear()
    async with front_end(store, clock) as (tasks, client):
        await met(tasks, store)
        body = {"payload": {"records": [{"id": 1, "text": "one"}]}}
        asking = asyncio.create_task(client.post("/models/echo", json=body))
        while not (await batcher.queue.depth()).jobs:
            await asyncio.sleep(0)
        store.lose_everything()
        batcher.appear()
        await met(tasks, store)
        while not (await batcher.queue.depth()).jobs:
            await asyncio.sleep(0)
        await batcher.compute()

        answer = await asking

        assert answer.json() == {"result": [{"id": 1, "text": "R1:ONE"}]}
