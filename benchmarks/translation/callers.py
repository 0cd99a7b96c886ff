"""Callers of a translation model, without HTTP: what a front end says to the broker, and nothing else."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from batcher.models.translation.outputs import pieces_of
from benchmarks.lib.loops import Answer
from benchmarks.lib.summary import ANSWERED
from benchmarks.translation.sentences import Sentence
from broker.contract import Frames, FrontEndBroker
from broker.messages import RECORD, AdmitRequest, Cancel, Failure, Job, Outcome, Result
from broker.redis import connect_front_end

DEADLINE = 600.0  # seconds; callers give up much sooner, and the broker never refuses what it could not do in time
BLOCK = 1.0  # seconds a read waits for outcomes
LOOK_EVERY = 0.1  # seconds
TIMED_OUT = "timeout"


class Callers:
    """Requests that gathered while the last trip was away go in the next one, as a front end's do."""

    def __init__(self, front_end: str, model: str) -> None:
        self._front_end, self._model = front_end, model
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}
        self._jobs: list[Job] = []
        self._cancelled: list[Cancel] = []
        self._filled = asyncio.Event()
        self._lost: BaseException | None = None

    async def ask(self, sentence: Sentence, seconds: float) -> Answer:
        """One sentence; nobody waits longer than these seconds. Raises what ended a task of ours, if one did."""
        if self._lost is not None:
            raise self._lost
        job = Job(id=secrets.token_hex(16), front_end=self._front_end, input=sentence.input, cost=len(sentence.source))
        future = self._waiting[job.id] = asyncio.get_running_loop().create_future()
        self._jobs.append(job)
        self._filled.set()
        try:
            async with asyncio.timeout(seconds):
                return _answer(await future, sentence)
        except TimeoutError:
            return Answer(TIMED_OUT)
        finally:
            self._forget(job.id)

    def _forget(self, job: str) -> None:
        if not self._waiting.pop(job).done():
            self._cancelled.append(Cancel(model=self._model, ids=job[:RECORD]))
            self._filled.set()

    async def write(self, broker: FrontEndBroker) -> None:
        """Trip after trip, for ever."""
        sequence = 0
        while True:
            await self._filled.wait()
            self._filled.clear()
            jobs, self._jobs, cancelled, self._cancelled = self._jobs, [], self._cancelled, []
            sequence += 1
            requests = [AdmitRequest(model=self._model, jobs=[job], time_left=DEADLINE) for job in jobs]
            for job, verdict in zip(jobs, await broker.admit(sequence, requests, cancelled), strict=True):
                if verdict.refusal is not None:
                    self._settle(Failure(job_id=job.id, code=verdict.refusal, message="refused"))

    async def read(self, broker: FrontEndBroker) -> None:
        """Read after read, for ever."""
        last = Frames()
        while True:
            last = await broker.receive(last.count, 0.0 if last.more else BLOCK)
            for outcome in last.outcomes:
                self._settle(outcome)

    def lose(self, task: asyncio.Task[None]) -> None:
        """A task has ended: unless it was told to, everybody hears of it, for a broken link is no slow engine."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._lost = error
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(error)

    def _settle(self, outcome: Outcome) -> None:
        future = self._waiting.get(outcome.job_id)
        if future is not None and not future.done():
            future.set_result(outcome)


def _answer(outcome: Outcome, sentence: Sentence) -> Answer:
    if isinstance(outcome, Result):
        return Answer(ANSWERED if len(pieces_of(outcome.output)) == sentence.length else "wrong length")
    return Answer(str(outcome.code))


@asynccontextmanager
async def callers(url: str, namespace: str, name: str, *, ready_limit: float) -> AsyncIterator[Callers]:
    """Callers of the model of this name. Raises `TimeoutError` when no batcher serves it in time."""
    front_end = secrets.token_hex(8)
    writing, reading = [await connect_front_end(url, namespace, front_end) for _ in range(2)]
    tasks: list[asyncio.Task[None]] = []
    try:
        async with asyncio.timeout(ready_limit):
            clients = Callers(front_end, await _served(writing, name))
        tasks = [asyncio.create_task(clients.write(writing)), asyncio.create_task(clients.read(reading))]
        for task in tasks:
            task.add_done_callback(clients.lose)
        yield clients
    finally:
        await _end(tasks)
        await writing.aclose()
        await reading.aclose()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them until they have ended: opening a connection may swallow a cancellation, and each goes on for ever."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.2)


async def _served(broker: FrontEndBroker, name: str) -> str:
    """The key of the model's card, once a batcher lives behind it."""
    while True:
        for one in (await broker.look()).announcements:
            if one.card.name == name and one.batchers:
                return one.card.key
        await asyncio.sleep(LOOK_EVERY)
