"""A loop for a batch model on the in-memory twin, with an engine that does as it is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from batcher.engines.engine import Done, StepStats
from batcher.metrics import BatcherMetrics
from batcher.policy.batching import Batching
from batcher.policy.slo import SloCap
from batcher.serving.heartbeat import Vitals
from batcher.serving.loop import Loop
from broker.errors import BrokerError, BrokerUnavailable
from broker.memory import MemoryBatcher, MemoryFrontEnd, MemoryStore
from broker.messages import AdmitRequest, Claim, Failure, FailureCode, Finish, Job, Limits, Outcome
from tests.conftest import FakeClock

MODEL = "toy@1"


class ScriptedEngine:
    """Keeps `Engine`: echoes inputs; `gate` holds the model's thread; `bad` fails; notes every batch it was given."""

    def __init__(self) -> None:
        self.max_size, self.max_tokens = 64, 16384
        self.last = StepStats()
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self._held: list[Job] = []

    def room(self) -> int:
        return self.max_size - len(self._held)

    def admit(self, jobs: Sequence[Job]) -> None:
        self._held += jobs

    def drop(self, job_ids: Collection[str]) -> None:
        self._held = [job for job in self._held if job.id not in job_ids]

    def step(self) -> list[Done]:
        jobs, self._held = self._held, []
        if jobs:
            self.batches.append([job.input for job in jobs])
            self.entered.set()
            assert self.gate.wait(10)
        return [self._done(job) for job in jobs]

    def _done(self, job: Job) -> Done:
        if job.input != "bad":
            return Done(job_id=job.id, output=job.input)
        failure = Failure(job_id=job.id, code=FailureCode.MODEL_ERROR, message="no")
        return Done(job_id=job.id, failure=failure)


class Flaky(MemoryBatcher):
    """A broker that is away for the next `failures` finishes, after which the answer comes; notes what it was told."""

    failures = 0
    refuses_to_stage = False
    released: list[str]
    finished: list[tuple[list[str], str | None]]  # batches, and the one that starts

    async def drain(self, batch: str, limits: Limits, *, staged: bool, suspects: bool, **when: float) -> Claim:
        if staged and self.refuses_to_stage:
            raise BrokerError("no")
        return await super().drain(batch, limits, staged=staged, suspects=suspects, **when)

    async def release(self, batch: str) -> None:
        self.released.append(batch)
        await super().release(batch)

    async def finish(self, ended: Sequence[Finish], *, starts: str | None) -> None:
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable
        await super().finish(ended, starts=starts)
        self.finished.append(([one.batch for one in ended], starts))


@dataclass
class World:
    store: MemoryStore
    loop: Loop
    engine: ScriptedEngine
    vitals: Vitals
    front_end: MemoryFrontEnd
    broker: Flaky
    running: asyncio.Task[None]
    sequence: int = 0
    handled: int = 0
    seen: list[Outcome] = field(default_factory=list)

    async def send(self, *inputs: str, time_left: float = 60.0) -> None:
        self.sequence += 1
        jobs = [Job(id=uuid4().hex, front_end="f" * 16, input=text) for text in inputs]
        await self.front_end.admit(self.sequence, [AdmitRequest(model=MODEL, jobs=jobs, time_left=time_left)], {})

    async def outcomes(self, count: int) -> list[Outcome]:
        while len(self.seen) < count:
            frames = await self.front_end.receive(self.handled, 1.0)
            self.handled = frames.count
            self.seen += frames.outcomes
        return self.seen


@asynccontextmanager
async def world(limits: Limits = Limits(), *, slo: float = 0.0) -> AsyncIterator[World]:
    store, engine, vitals = MemoryStore(FakeClock()), ScriptedEngine(), Vitals()
    broker = Flaky(store, MODEL)
    broker.released, broker.finished = [], []
    batching, metrics = Batching(), BatcherMetrics("toy")
    cap = SloCap(slo, batching.speed) if slo else None
    loop = Loop(broker, engine, limits, batching=batching, batcher="b", vitals=vitals, metrics=metrics, slo=cap)
    front_end, running = MemoryFrontEnd(store, "f" * 16), asyncio.create_task(loop.run())
    here = World(store, loop, engine, vitals, front_end, broker, running)
    try:
        yield here
    finally:
        engine.gate.set()
        loop.stop()
        await running


async def entered(engine: ScriptedEngine) -> None:
    assert await asyncio.to_thread(engine.entered.wait, 10)
    engine.entered.clear()


async def staged_behind_a_running_batch(here: World) -> None:
    """One batch in the model thread, another claimed and waiting for its turn there."""
    here.loop._batching.speed.observe(
        1, 0.2
    )  # predicted seconds: the next batch is claimed shortly before they are over
    here.engine.gate.clear()
    await here.send("running")
    here.store.clock.tick(1.0)  # type: ignore[attr-defined]  # it has waited when it is claimed: there is a backlog
    await entered(here.engine)
    await here.send("staged")
    async with asyncio.timeout(5):
        while len(here.vitals.batches) < 2:
            await asyncio.sleep(0)
