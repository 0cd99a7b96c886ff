"""An in-flight loop on the in-memory twin, with an engine that steps when it is told to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import uuid4

from batcher.metrics import BatcherMetrics
from batcher.policy.batching import InFlightBatching
from batcher.serving.heartbeat import Vitals
from batcher.serving.loop import Loop
from broker.errors import BrokerError, BrokerUnavailable
from broker.memory import MemoryBatcher, MemoryFrontEnd, MemoryStore
from broker.messages import AdmitRequest, Claim, Finish, Job, Limits, Outcome, Result
from tests.conftest import FakeClock
from tests.toy_engine import ToyEngine

MODEL, FRONT_END = "toy@1", "f" * 16


class Gate:
    """Holds the model thread before each step, unless it stands open; notes who was in flight."""

    def __init__(self) -> None:
        self.steps: list[list[str]] = []
        self.waiting = threading.Event()
        self._passes = threading.Semaphore(0)
        self._is_open = False

    def __call__(self, texts: list[str]) -> None:
        self.waiting.set()
        assert self._is_open or self._passes.acquire(timeout=10)
        self.waiting.clear()
        self.steps.append(texts)
        assert "1 trips" not in texts

    def let_pass(self, steps: int) -> None:
        for _ in range(steps):
            self._passes.release()

    def open(self) -> None:
        self._is_open = True
        self._passes.release()

    def close(self) -> None:
        self._is_open = False
        while self._passes.acquire(blocking=False):
            pass
        self.waiting.clear()


class Asked(NamedTuple):
    """One claim that brought jobs."""

    claim: Claim
    staged: bool
    tokens: int  # that it was to bring at the most


class Wire(MemoryBatcher):
    """Notes what the broker was told, and loses answers."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store, MODEL)
        self.claims: list[Asked] = []
        self.finishes: list[Sequence[Finish]] = []
        self.released: list[str] = []
        self.lost = self.refused = 0  # finishes to come: their answers get lost, or they are not even carried out
        self.away = 0  # claims to come that do not reach the broker

    async def drain(self, batch: str, limits: Limits, *, staged: bool, suspects: bool, **when: float) -> Claim:
        if self.away:
            self.away -= 1
            raise BrokerUnavailable
        claim = await super().drain(batch, limits, staged=staged, suspects=suspects, **when)
        if claim.jobs:
            self.claims.append(Asked(claim, staged, limits.max_batch_tokens))
        return claim

    @property
    def sizes(self) -> list[int]:
        """How many jobs each claim brought."""
        return [len(asked.claim.jobs) for asked in self.claims]

    async def finish(self, ended: Sequence[Finish], *, starts: str | None) -> None:
        if self.refused:
            self.refused -= 1
            raise BrokerError("no")
        await super().finish(ended, starts=starts)
        self.finishes.append(ended)
        if self.lost:
            self.lost -= 1
            raise BrokerUnavailable

    async def release(self, batch: str) -> None:
        self.released.append(batch)
        await super().release(batch)


@dataclass
class World:
    store: MemoryStore
    loop: Loop
    engine: ToyEngine
    gate: Gate
    wire: Wire
    vitals: Vitals
    clock: FakeClock
    running: asyncio.Task[None]
    started: list[str]
    sequence: int = 0
    handled: int = 0
    seen: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.front_end = MemoryFrontEnd(self.store, FRONT_END)

    async def send(self, *texts: str, time_left: float = 60.0, **fields: int) -> list[str]:
        self.sequence += 1
        jobs = [Job(id=uuid4().hex, front_end=FRONT_END, input=text, **fields) for text in texts]  # type: ignore[arg-type]
        await self.front_end.admit(self.sequence, [AdmitRequest(model=MODEL, jobs=jobs, time_left=time_left)], {})
        return [job.id for job in jobs]

    async def outcomes(self, count: int) -> list[Outcome]:
        while len(self.seen) < count:
            frames = await asyncio.wait_for(self.front_end.receive(self.handled, 1.0), 10)
            self.handled = frames.count
            self.seen += frames.outcomes
        return self.seen

    async def in_flight(self, *texts: str) -> None:
        """Sent, and held before the next step."""
        await self.send(*texts)
        await until(lambda: self.gate.waiting.is_set())

    async def claimed(self, count: int) -> None:
        await until(lambda: sum(self.wire.sizes) >= count)

    def crash(self, text: str, attempts: int = 1) -> None:
        """A job whose batch has crashed its batcher."""
        job = Job(id=uuid4().hex, front_end=FRONT_END, input=text, attempts=attempts, deadline=self.clock.now + 60)
        self.store.queues[MODEL].suspects.append(job)
        self.store.queues[MODEL].wake.push()

    async def stopped(self) -> None:
        self.loop.stop()
        await asyncio.wait_for(self.running, 10)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def world(limits: Limits = Limits()) -> AsyncIterator[World]:
    clock = FakeClock()
    store, gate, vitals, started = MemoryStore(clock), Gate(), Vitals(), list[str]()
    wire = Wire(store)
    how = {"batcher": "b", "vitals": vitals, "metrics": BatcherMetrics("toy"), "tell_start": started.append}
    engine = ToyEngine(before_step=gate)
    loop = Loop(wire, engine, limits, batching=InFlightBatching(), clock=clock, **how)  # type: ignore[arg-type]
    here = World(store, loop, engine, gate, wire, vitals, clock, asyncio.create_task(loop.run()), started)
    try:
        yield here
    finally:
        gate.open()
        await here.stopped()


def outputs(outcomes: Sequence[Outcome]) -> list[str]:
    return sorted(outcome.output for outcome in outcomes if isinstance(outcome, Result))
