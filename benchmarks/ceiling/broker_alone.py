"""The broker without a front end and a batcher: the commands of a batch's life, asked trip by trip and without a pause.

A life is what a batch costs the broker: its requests admitted in one trip, claimed, finished, and their outcomes
received. It is driven by the clients that front ends and batchers use, and what they asked is recorded; then the same
bytes are sent to an emptied broker in one stream.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

import redis

from benchmarks.ceiling.recording import recording, replay
from benchmarks.lib.envelope import TEXT
from benchmarks.spent.broker_calls import by_command
from broker.embedded import embedded_server
from broker.messages import AdmitRequest, Finish, Job, Limits, Result
from broker.redis import RedisBatcher, RedisFrontEnd, connect_batcher, connect_front_end

NAMESPACE, MODEL, FRONT_END = "ceiling", "synthetic@r1", "f" * 16
WARM_UP = 20  # lives; scripts are loaded in the first
CONNECTING = {"hello", "select", "client", "auth", "ping", "info", "flushdb", "command"}  # no part of a life


class NotReplayed(Exception):
    """The broker did something else when it was asked again; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAlone:
    """What batches of so many jobs cost it; medians."""

    jobs: int  # in a batch, each of a request of its own
    micros: float  # of its main thread a job, asked trip by trip
    micros_in_one: float  # the same, asked in one stream: nobody waits for an answer
    commands: float  # a batch, those inside scripts included

    @property
    def per_second(self) -> float:
        """Jobs a second that its one thread has time for, asked trip by trip."""
        return 1e6 / self.micros

    @property
    def per_second_in_one(self) -> float:
        """The same, asked in one stream."""
        return 1e6 / self.micros_in_one


async def measure(sizes: Sequence[int], lives: int, rounds: int, cores: Sequence[int] = ()) -> list[BrokerAlone]:
    """On a broker of its own. Raises `BrokerUnavailable`, `NotReplayed`."""
    without_url = {name: value for name, value in os.environ.items() if name != "JITNEY_REDIS_URL"}
    with embedded_server(environ=without_url) as server, redis.Redis.from_url(server.url) as client:
        if cores and server.pid is not None:
            os.sched_setaffinity(server.pid, cores)
        socket = Path(urlsplit(server.url).path)
        return [await _of(client, socket, jobs, lives, rounds) for jobs in sizes]


async def _of(client: redis.Redis, socket: Path, jobs: int, lives: int, rounds: int) -> BrokerAlone:
    async with recording(socket) as (url, recorded):
        driver = await _connect(url)
        await driver.live(WARM_UP, jobs)
        recorded.forget()
        before, used = _calls(client), _used(client)
        await driver.live(lives, jobs)
        micros = 1e6 * (_used(client) - used) / (lives * jobs)
        calls = _since(before, client)
        await driver.aclose()
        asked, commands = bytes(recorded.asked), recorded.commands()
    seconds = [await _replayed(client, socket, asked, commands, calls) for _ in range(rounds)]
    return BrokerAlone(
        jobs=jobs,
        micros=micros,
        commands=sum(calls.values()) / lives,
        micros_in_one=1e6 * median(seconds) / (lives * jobs),
    )


async def _replayed(
    client: redis.Redis, socket: Path, asked: bytes, commands: int, expected: Mapping[str, int]
) -> float:
    """Its processor seconds for one stream, from an empty broker; its own count shows that it did the same."""
    client.flushdb()
    before, used = _calls(client), _used(client)
    errors = await replay(socket, asked, commands)
    took = _used(client) - used
    if errors or (found := _since(before, client)) != expected:
        raise NotReplayed(f"asked again, the broker ran {found} instead of {expected}, with {errors} error(s)")
    return took


@dataclass(slots=True, kw_only=True)
class _Driver:
    """A front end's two connections and a batcher's, one trip after the other."""

    admitter: RedisFrontEnd
    receiver: RedisFrontEnd
    batcher: RedisBatcher
    number: int = 0  # of the last life
    handled: int = 0  # frames that the next receive may forget

    async def live(self, lives: int, jobs: int) -> None:
        """So many batches from their admission to their outcomes."""
        for _ in range(lives):
            self.number += 1
            await self._life(str(self.number), jobs)

    async def _life(self, batch: str, jobs: int) -> None:
        brought = [Job(id=uuid4().hex, front_end=FRONT_END, input=TEXT, cost=1) for _ in range(jobs)]
        requests = [AdmitRequest(model=MODEL, jobs=[job], time_left=60.0) for job in brought]
        await self.admitter.admit(self.number, requests, ())
        limits = Limits(max_batch_size=jobs, max_batch_tokens=1 << 20)
        claim = await self.batcher.drain(batch, limits, staged=False, suspects=False, wait=1.0)
        results = [Result(job_id=job.id, output=TEXT[::-1]) for job in claim.jobs]
        await self.batcher.finish([Finish(batch=batch, results=results, done=True)], starts=None)
        frames = await self.receiver.receive(self.handled, 1.0)
        self.handled = frames.count
        if len(frames.outcomes) != jobs:
            raise NotReplayed(f"of a batch of {jobs} jobs {len(frames.outcomes)} outcomes came back")

    async def aclose(self) -> None:
        for one in (self.admitter, self.receiver, self.batcher):
            await one.aclose()


async def _connect(url: str) -> _Driver:
    return _Driver(
        admitter=await connect_front_end(url, NAMESPACE, FRONT_END),
        receiver=await connect_front_end(url, NAMESPACE, FRONT_END),
        batcher=await connect_batcher(url, NAMESPACE, MODEL, lease=60.0),
    )


def _calls(client: redis.Redis) -> dict[str, int]:
    calls = by_command(cast(Mapping[str, Any], client.info("commandstats")))
    return {name: count for name, count in calls.items() if name.partition("|")[0] not in CONNECTING}


def _since(before: Mapping[str, int], client: redis.Redis) -> dict[str, int]:
    gained = {name: count - before.get(name, 0) for name, count in _calls(client).items()}
    return {name: count for name, count in gained.items() if count}


def _used(client: redis.Redis) -> float:
    """Processor seconds of its main thread."""
    info = cast(Mapping[str, Any], client.info("cpu"))
    return float(info["used_cpu_user_main_thread"]) + float(info["used_cpu_sys_main_thread"])
