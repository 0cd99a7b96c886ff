"""What keys cost the broker's main thread, and what they bring: turns beside a flood, and shares by weight.

    python -m benchmarks callers [--batches 200] [--jobs 64]

Each server program that is found here. The forms take turns, in one run: nobody has a key; one caller; eight callers;
one caller with three policies. A batch is so many requests of one job, brought in one trip.
"""

from __future__ import annotations

import os
import statistics
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import count
from uuid import uuid4

import redis
import uvloop

from benchmarks.lib import machine
from benchmarks.lib.arguments import above, parser
from benchmarks.parts.bodies import broker_cost
from broker.embedded import binaries, embedded_server
from broker.messages import AdmitRequest, Claim, Finish, Job, Limits, Policy, Result
from broker.redis import RedisBatcher, RedisFrontEnd, connect_batcher, connect_front_end

MODEL, FRONT_END = "toy@r1", "f" * 16
STEPS = ("admission", "claim", "end")
POLICIES = [
    Policy(name="jobs", unit="jobs", quota=10**9, window=60.0),
    Policy(name="tokens", unit="tokens", quota=10**9, window=60.0),
    Policy(name="concurrency", unit="requests", quota=10**6, window=0.0, kind="concurrency"),
]
FORMS: Mapping[str, Sequence[dict[str, object]]] = {  # what the requests of a batch say, in turns
    "no keys": [{}],
    "one caller": [{"list": 3, "caller": "a"}],
    "eight callers": [{"list": number, "caller": f"c{number}"} for number in range(8)],
    "three policies": [{"list": 3, "caller": "a", "policies": POLICIES}],
}
WEIGHTS = {1: 1, 4: 3, 6: 5}  # of three lists
FLOOD = 10_000
SEQUENCES = count(1)


def main(arguments: Sequence[str]) -> int:
    """Prints a table for each server: microseconds of its main thread for a batch, means; then who waits how long."""
    command = parser("callers", __doc__)
    command.add_argument("--batches", type=above(1), default=200, help="of each form [%(default)s]")
    command.add_argument("--jobs", type=above(0), default=64, help="of a batch, at most 256 [%(default)s]")
    asked = command.parse_args(arguments)
    print(" · ".join(machine.describe().values()))
    without_url = {name: value for name, value in os.environ.items() if name != "JITNEY_REDIS_URL"}
    for binary in binaries(without_url):
        with embedded_server(binary=binary) as server:
            uvloop.run(_all(binary.kind, server.url, asked.batches, asked.jobs))
    return 0


async def _all(kind: str, url: str, batches: int, jobs: int) -> None:
    front_end = await connect_front_end(url, "callers", FRONT_END, max_queue_jobs=2 * FLOOD)
    batcher, client = await connect_batcher(url, "callers", MODEL, lease=60.0), redis.Redis.from_url(url)
    print("\n".join(_table(kind, jobs, await _costs(front_end, batcher, client, batches, jobs))))
    client.flushall()
    print(f"\none job beside a flood of {FLOOD}: in batch {await _wait(front_end, batcher, jobs)} after it came")
    client.flushall()
    shares = await _shares(front_end, batcher, jobs)
    print(f"jobs of three callers by weight {shares}; Jain's index {_jain(shares):.4f}")
    client.close()
    await front_end.aclose()
    await batcher.aclose()


async def _costs(
    front_end: RedisFrontEnd, batcher: RedisBatcher, client: redis.Redis, batches: int, jobs: int
) -> dict[tuple[str, str], float]:
    """Microseconds by form and step: means. The first batches warm up."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(batches + 5):
        for form, callers in FORMS.items():
            steps = [step async for step in _life(front_end, batcher, client, callers, jobs)]
            for name, seconds in zip(STEPS, steps, strict=True):
                found[form, name].append(seconds)
    return {which: 1e6 * statistics.mean(seconds[5:]) for which, seconds in found.items()}


async def _life(
    front_end: RedisFrontEnd,
    batcher: RedisBatcher,
    client: redis.Redis,
    callers: Sequence[dict[str, object]],
    jobs: int,
) -> AsyncIterator[float]:
    """Processor seconds of the server for each step of one batch."""
    requests = [_request(1, **callers[number % len(callers)]) for number in range(jobs)]
    sequence = next(SEQUENCES)
    seconds, verdicts = await broker_cost(client, front_end.admit(sequence, requests, ()))
    assert all(verdict.refusal is None for verdict in verdicts)
    yield seconds
    name = str(sequence)
    seconds, claim = await broker_cost(client, batcher.drain(name, _limits(jobs), staged=False, suspects=False))
    assert len(claim.jobs) == jobs
    yield seconds
    results = [Result(job_id=job.id, output=1) for job in claim.jobs]
    ended = [Finish(batch=name, results=results, done=True)]
    seconds, _ = await broker_cost(client, batcher.finish(ended, starts=None))
    yield seconds


def _request(jobs: int, **fields: object) -> AdmitRequest:
    brought = [Job(id=uuid4().hex, front_end=FRONT_END, input=[7]) for _ in range(jobs)]
    return AdmitRequest(model=MODEL, jobs=brought, time_left=60.0, **fields)  # type: ignore[arg-type]


def _limits(jobs: int) -> Limits:
    return Limits(max_batch_size=jobs, max_batch_tokens=1 << 20)


async def _claim(batcher: RedisBatcher, jobs: int) -> Claim:
    return await batcher.drain(str(next(SEQUENCES)), _limits(jobs), staged=False, suspects=False)


async def _wait(front_end: RedisFrontEnd, batcher: RedisBatcher, jobs: int) -> int:
    """In which batch a lone job is that comes behind a flood."""
    await _fill(front_end, FLOOD, list=1)
    await _claim(batcher, jobs)
    await _fill(front_end, 1, list=5)
    for number in count(1):
        if any(job.list == 5 for job in (await _claim(batcher, jobs)).jobs):
            return number
    raise AssertionError


async def _shares(front_end: RedisFrontEnd, batcher: RedisBatcher, jobs: int) -> dict[int, int]:
    """Jobs by weight while all three have some."""
    for number, weight in WEIGHTS.items():
        await _fill(front_end, 40 * jobs, list=number, weight=weight)
    took: Counter[int] = Counter()
    for _ in range(50):
        took.update(job.list for job in (await _claim(batcher, jobs)).jobs)
    return {weight: took[number] for number, weight in WEIGHTS.items()}


async def _fill(front_end: RedisFrontEnd, jobs: int, **fields: object) -> None:
    for at in range(0, jobs, 1000):
        [verdict] = await front_end.admit(next(SEQUENCES), [_request(min(1000, jobs - at), **fields)], ())
        assert verdict.refusal is None


def _jain(shares: Mapping[int, int]) -> float:
    """Jain's index of fairness: 1 where everybody has what its weight says."""
    parts = [jobs / weight for weight, jobs in shares.items()]
    return sum(parts) ** 2 / (len(parts) * sum(part * part for part in parts))


def _table(kind: str, jobs: int, costs: Mapping[tuple[str, str], float]) -> Iterator[str]:
    yield f"\n{kind}: a batch of {jobs} requests, µs of the main thread\n"
    yield f"| step | {' | '.join(FORMS)} |"
    yield f"| --- |{' --- |' * len(FORMS)}"
    for step in STEPS:
        yield f"| {step} | {' | '.join(f'{costs[form, step]:.0f}' for form in FORMS)} |"
