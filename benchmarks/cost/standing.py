"""The broker alone while a backlog stands: what is claimed and finished is admitted again."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from itertools import count, islice
from statistics import median
from typing import TypeVar
from uuid import uuid4

import redis

from benchmarks.cost.contract import NotMeasured, Standing
from benchmarks.lib.envelope import TEXT
from benchmarks.lib.http_client import fast_run
from broker.embedded import embedded_server
from broker.messages import AdmitRequest, Claim, Finish, Job, Limits, Result
from broker.redis import RedisBatcher, RedisFrontEnd, connect_batcher, connect_front_end

Brought = TypeVar("Brought")
MODEL, FRONT_END, NAMESPACE = "synthetic@r1", "f" * 16, "standing"
BATCH = 64  # jobs that are claimed at once, where so many wait
REQUEST = 256  # jobs of a request, as many as a front end takes by default
TIME_LEFT = 600.0  # seconds
MANY = 1 << 40


def measure(backlog: int, rounds: int) -> Standing:
    """So many batches claimed from the head while `backlog` jobs wait. Raises `BrokerUnavailable`, `NotMeasured`."""
    without_url = {name: value for name, value in os.environ.items() if name != "JITNEY_REDIS_URL"}
    with embedded_server(environ=without_url) as server, redis.Redis.from_url(server.url) as client:
        return fast_run(_measure(server.url, client, backlog, rounds))


async def _measure(url: str, client: redis.Redis, backlog: int, rounds: int) -> Standing:
    bounds = {"max_queue_jobs": MANY, "max_queue_tokens": MANY, "max_queue_bytes": MANY}
    front_end = await connect_front_end(url, NAMESPACE, FRONT_END, **bounds)
    batcher = await connect_batcher(url, NAMESPACE, MODEL)
    trips = Trips(front_end=front_end, batcher=batcher, batch=min(BATCH, backlog))
    try:
        await trips.fill(backlog)
        await trips.turn()  # now the scripts are known
        trips.took.clear()
        before = _used(client)
        for _ in range(rounds):
            await trips.turn()
        spent = _used(client) - before
    finally:
        await front_end.aclose()
        await batcher.aclose()
    took = {name: 1000 * median(seconds) for name, seconds in trips.took.items()}
    return Standing(backlog=backlog, batch=trips.batch, micros=1e6 * spent / (rounds * trips.batch), **took)


@dataclass(slots=True, kw_only=True)
class Trips:
    """Both sides of the broker, and how long each trip of them took."""

    front_end: RedisFrontEnd
    batcher: RedisBatcher
    batch: int
    took: dict[str, list[float]] = field(default_factory=dict)  # seconds, by the names of `Standing`
    numbers: Iterable[int] = field(default_factory=lambda: count(1))

    async def fill(self, jobs: int) -> None:
        """So many more wait."""
        for at in range(0, jobs, REQUEST):
            await self._admit(min(REQUEST, jobs - at))

    async def turn(self) -> None:
        """A batch is claimed and finished, its outcomes are read, and as many jobs are admitted: one of them alone."""
        name = uuid4().hex
        claim = await self._timed("claim", self._claim(name))
        results = [Result(job_id=job.id, output=job.input) for job in claim.jobs]
        await self._timed("finish", self.batcher.finish([Finish(batch=name, results=results, done=True)], starts=None))
        frames = await self.front_end.receive(0, 0.0)
        await self.front_end.receive(frames.count, 0.0)
        await self._timed("admit", self._admit(1))
        if self.batch > 1:
            await self._admit(self.batch - 1)

    async def _claim(self, name: str) -> Claim:
        limits = Limits(max_batch_size=self.batch, max_batch_tokens=MANY)
        claim = await self.batcher.drain(name, limits, staged=False, suspects=False)
        if len(claim.jobs) != self.batch:
            raise NotMeasured(f"a claim of {self.batch} jobs brought {len(claim.jobs)}")
        return claim

    async def _admit(self, jobs: int) -> None:
        brought = [Job(id=uuid4().hex, front_end=FRONT_END, input=TEXT) for _ in range(jobs)]
        request = AdmitRequest(model=MODEL, jobs=brought, time_left=TIME_LEFT)
        [number] = islice(self.numbers, 1)
        [verdict] = await self.front_end.admit(number, [request], ())
        if verdict.refusal:
            raise NotMeasured(f"the broker refused {jobs} jobs: {verdict.refusal}")

    async def _timed(self, name: str, trip: Awaitable[Brought]) -> Brought:
        started = time.perf_counter()
        brought = await trip
        self.took.setdefault(name, []).append(time.perf_counter() - started)
        return brought


def _used(client: redis.Redis) -> float:
    """Processor seconds of the broker's main thread."""
    info = client.info("cpu")
    return float(info["used_cpu_user_main_thread"]) + float(info["used_cpu_sys_main_thread"])
