"""Interactive requests in bursts, and what batches beside them do to their latency."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice

from benchmarks.batches.contract import BATCHES, LANES, RECORDS, Bursts, Ground, Run, Way
from benchmarks.batches.senders import Sender
from benchmarks.lib import machine
from benchmarks.lib.envelope import envelope
from benchmarks.lib.http_client import HttpClient, fast_run
from benchmarks.lib.stack import Child, Stack
from benchmarks.lib.workload import Workload, drawn
from benchmarks.load.plan import Plan
from benchmarks.load.sending import beside, send_alone

WORDS = 8.0  # of a text, mean
LINES = 64  # of a batch that differ
FASTEST = 200  # lines a second: more than a batch has done, so that none is done before the time is over
EVERY = 0.1  # seconds between two looks at what the batcher has computed
TIMEOUT = 30.0  # seconds of an interactive request


def measure(
    stack: Stack, front_end: Child, batcher: Child, ground: Ground, bursts: Bursts, rounds: int
) -> Iterator[Run]:
    """Every way in every round, in turns. Raises `OSError`, `NotMeasured`."""
    for number in range(rounds):
        for way in Way:
            started, busy, ours = time.perf_counter(), machine.busy_seconds(), _used(stack)
            run = fast_run(_run(front_end.url, ground, bursts, way, number, lambda: stack.jobs(batcher)))
            others = machine.busy_seconds() - busy - (_used(stack) - ours)
            run.others = max(0.0, others) / (time.perf_counter() - started)
            yield run


async def _run(url: str, ground: Ground, bursts: Bursts, way: Way, seed: int, jobs: Callable[[], int]) -> Run:
    started, computed = time.perf_counter(), list[tuple[float, int]]()

    def now() -> float:
        return time.perf_counter() - started

    with HttpClient(url) as client:
        count = 0 if way is Way.ALONE else BATCHES
        senders = [Sender(client=client, until=bursts.seconds, now=now) for _ in range(count)]
        batches = [send_batch(one, ground, way, number) for number, one in enumerate(senders)]
        async with beside(_count(jobs, now, computed)):
            others = asyncio.gather(*batches)
            sent = await send_alone(interactive(url, ground, bursts, seed))
            await others
    return Run(way=way, calls=sent.calls, computed=computed, refused=sum(one.refused for one in senders))


async def _count(jobs: Callable[[], int], now: Callable[[], float], computed: list[tuple[float, int]]) -> None:
    """Every so often, until it is cancelled."""
    while True:
        at, count = now(), await asyncio.to_thread(jobs)
        computed.append(((at + now()) / 2, count))
        await asyncio.sleep(EVERY)


async def send_batch(sender: Sender, ground: Ground, way: Way, number: int) -> None:
    """The batch of this number, in this way."""
    own = lines(ground, number)
    if way is Way.FILES:
        count = round(FASTEST * sender.until)
        await sender.send_file(ground.path, list(islice(cycle(own), count)))
    else:
        await sender.send(ground.path, own, LANES[way], ground.in_flight)


def interactive(url: str, ground: Ground, bursts: Bursts, seed: int) -> Plan:
    """One record a request, in bursts."""
    texts = drawn(WORDS, seed)
    return Plan(
        url=url,
        workload=Workload(path=ground.path, texts=texts, records=1, languages=ground.languages),
        concurrency=None,
        rate=ground.rate,
        arrivals="burst",
        duration=bursts.duration,
        warm_up=bursts.warm_up,
        timeout=TIMEOUT,
        seed=seed,
        max_in_flight=4096,
        burst_on=bursts.on,
        burst_off=bursts.on,
    )


def lines(ground: Ground, batch: int) -> list[bytes]:
    """The requests of a batch."""
    texts = drawn(WORDS, seed=1000 + batch, count=LINES * RECORDS)
    return [envelope(texts[at : at + RECORDS], ground.languages) for at in range(0, len(texts), RECORDS)]


def _used(stack: Stack) -> float:
    return sum(machine.cpu_seconds(stack.pids()).values())
