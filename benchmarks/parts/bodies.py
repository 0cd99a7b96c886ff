"""What a batch of large bodies costs the broker's main thread: inside its jobs, and by reference.

    python -m benchmarks bodies [--jobs 64] [--bytes 150528] [--rounds 20]

Each server program that is found here, in two private servers: one for each form, since a script's garbage is cleared
away by later ones. The forms take turns, in one run. The processor seconds are the server's own (INFO cpu,
used_cpu_*_main_thread); what asking for them costs is taken off.
"""

from __future__ import annotations

import os
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock
from uuid import uuid4

import redis
import uvloop

from benchmarks.lib import machine
from benchmarks.lib.arguments import above, parser
from broker.embedded import binaries, embedded_server
from broker.messages import AdmitRequest, Finish, Job, Limits, Result
from broker.redis import RedisBatcher, RedisFrontEnd, admission, connect_batcher, connect_front_end

MODEL, FRONT_END = "pictures@r1", "f" * 16
INLINE, APART = "inside", "by reference"
STEPS = ("admission", "claim", "end")  # ADMIT and what goes with it; DRAIN and what it takes to have the bodies; FINISH
BOUNDLESS = 1 << 40


def main(arguments: Sequence[str]) -> int:
    """Prints a table for each server: milliseconds of its main thread, medians."""
    command = parser("bodies", __doc__)
    command.add_argument("--jobs", type=above(0), default=64, help="of a batch, at most 256 [%(default)s]")
    command.add_argument("--bytes", type=above(0), default=224 * 224 * 3, help="of a body: a picture [%(default)s]")
    command.add_argument("--rounds", type=above(1), default=20, help="batches of each form [%(default)s]")
    asked = command.parse_args(arguments)
    print(" · ".join(machine.describe().values()))
    without_url = {name: value for name, value in os.environ.items() if name != "JITNEY_REDIS_URL"}
    for binary in binaries(without_url):
        with embedded_server(binary=binary) as one, embedded_server(binary=binary) as other:
            urls = {INLINE: one.url, APART: other.url}
            medians = uvloop.run(_measure(urls, asked.jobs, asked.bytes, asked.rounds))
        print("\n".join(_table(binary.kind, asked.jobs, asked.bytes, medians)))
    return 0


async def _measure(urls: Mapping[str, str], jobs: int, size: int, rounds: int) -> dict[tuple[str, str], float]:
    """Milliseconds by form and step: medians. The first round warms up."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    sides = {form: await _connect(url) for form, url in urls.items()}
    for number in range(rounds + 1):
        for form, side in sides.items():
            with _travelling(form):
                steps = [step async for step in _life(side, number, jobs, size)]
            for name, seconds in zip(STEPS, steps, strict=True):
                found[form, name].append(seconds)
    for side in sides.values():
        await side.front_end.aclose()
        await side.batcher.aclose()
        side.client.close()
    return {which: 1000 * statistics.median(seconds[1:]) for which, seconds in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Who talks to one server."""

    front_end: RedisFrontEnd
    batcher: RedisBatcher
    client: redis.Redis


async def _connect(url: str) -> Sides:
    return Sides(
        front_end=await connect_front_end(url, "bodies", FRONT_END, max_queue_bytes=BOUNDLESS),
        batcher=await connect_batcher(url, "bodies", MODEL, lease=60.0),
        client=redis.Redis.from_url(url),
    )


@contextmanager
def _travelling(form: str) -> Iterator[None]:
    """Inside a job is where no body counts as large."""
    with ExitStack() as stack:
        if form == INLINE:
            stack.enter_context(mock.patch.object(admission, "LARGE", BOUNDLESS))
        yield


async def _life(side: Sides, number: int, jobs: int, size: int) -> AsyncIterator[float]:
    """Processor seconds of the server for each step of one batch."""
    brought = [Job(id=uuid4().hex, front_end=FRONT_END, input=os.urandom(size), cost=197) for _ in range(jobs)]
    requests = [AdmitRequest(model=MODEL, jobs=brought, time_left=60.0)]
    client, batcher, name = side.client, side.batcher, str(number)
    seconds, verdicts = await broker_cost(client, side.front_end.admit(number + 1, requests, ()))
    assert [verdict.refusal for verdict in verdicts] == [None]
    yield seconds
    limits = Limits(max_batch_size=jobs, max_batch_tokens=BOUNDLESS)
    seconds, claim = await broker_cost(client, batcher.drain(name, limits, staged=False, suspects=False))
    assert [job.input for job in claim.jobs] == [job.input for job in brought], (
        "not what was brought, or not in one claim"
    )
    yield seconds
    results = [Result(job_id=job.id, output="cat") for job in claim.jobs]
    ended = [Finish(batch=name, results=results, done=True)]
    seconds, _ = await broker_cost(client, batcher.finish(ended, starts=None))
    yield seconds


async def broker_cost(client: redis.Redis, step: Awaitable[Any]) -> tuple[float, Any]:
    """Processor seconds of the server's main thread, and what the step brought."""
    before, asking = _used(client), _used(client)
    answer = await step
    after = _used(client)
    return max(0.0, (after - asking) - (asking - before)), answer


def _used(client: redis.Redis) -> float:
    info: Mapping[str, Any] = client.info("cpu")
    return float(info["used_cpu_user_main_thread"]) + float(info["used_cpu_sys_main_thread"])


def _table(kind: str, jobs: int, size: int, medians: Mapping[tuple[str, str], float]) -> Iterator[str]:
    yield f"\n{kind}: {jobs} jobs of {size / 1024:.0f} KiB, ms of the main thread\n"
    yield f"| step | {INLINE} | {APART} | share |"
    yield "| --- | --- | --- | --- |"
    for step in STEPS:
        inline, apart = medians[INLINE, step], medians[APART, step]
        yield f"| {step} | {inline:.2f} | {apart:.2f} | {apart / inline if inline else 0.0:.2f} |"
