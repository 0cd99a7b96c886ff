"""What a prediction costs beside a call that waits: the broker's commands, bytes and time, and the front end's time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks.batches.contract import NotMeasured
from benchmarks.lib import machine
from benchmarks.lib.broker_calls import by_command
from benchmarks.lib.envelope import envelope
from benchmarks.lib.http_client import HttpClient, Reply, fast_run
from benchmarks.lib.stack import Child, Stack
from benchmarks.lib.workload import drawn

NAME, SPEC = "quick", "synthetic:1ms+0ms"
WAITS, PREDICTION = "call that waits", "prediction"
AT_ONCE = 16  # calls under way
RESULT_WAIT = 30  # seconds
WORDS = 8.0  # of a text, mean

Ask = Callable[[HttpClient, bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one call, on average over a block of them."""

    kind: str
    records: int
    scripts: float  # EVALSHAs; the one inside the batcher's transaction counts too
    commands: float  # all, those inside scripts included
    broker_micros: float  # processor time
    bytes_to: float  # the broker
    bytes_from: float
    kept: float  # bytes of the broker's memory that stay used
    front_end_micros: float  # processor time
    seconds: float  # mean, from the first request to the answer


def measure(stack: Stack, front_end: Child, calls: Mapping[int, int], rounds: int) -> Iterator[Cost]:
    """Blocks of both kinds in turns; `calls`: how many make a block, by their records. Raises `OSError`,
    `NotMeasured`."""
    for number in range(rounds):
        for records, count in calls.items():
            body = envelope(drawn(WORDS, seed=number, count=records))
            for kind, ask in ASKS.items():
                yield _block(stack, front_end, kind, ask, body, records, count)


def _block(stack: Stack, front_end: Child, kind: str, ask: Ask, body: bytes, records: int, count: int) -> Cost:
    fast_run(_all(front_end.url, ask, body, AT_ONCE))  # connections and caches are warm
    before, started = _reading(stack, front_end), time.perf_counter()
    fast_run(_all(front_end.url, ask, body, count))
    took = time.perf_counter() - started
    spent = {name: (value - before[name]) / count for name, value in _reading(stack, front_end).items()}
    return Cost(kind=kind, records=records, seconds=took * AT_ONCE / count, **spent)


def _reading(stack: Stack, front_end: Child) -> dict[str, float]:
    """Counters so far, by the names of `Cost`."""
    info = stack.redis.info("everything")
    calls = by_command({name: stat for name, stat in info.items() if name.startswith("cmdstat_")})
    used = machine.cpu_seconds(stack.pids())
    return {
        "scripts": calls.get("evalsha", 0),
        "commands": sum(calls.values()),
        "broker_micros": 1e6 * (info["used_cpu_user"] + info["used_cpu_sys"]),
        "bytes_to": info["total_net_input_bytes"],
        "bytes_from": info["total_net_output_bytes"],
        "kept": info["used_memory"],
        "front_end_micros": 1e6 * used[front_end.title],
    }


async def _all(url: str, ask: Ask, body: bytes, count: int) -> None:
    """So many calls, a few at once."""
    with HttpClient(url) as client:
        turn = iter(range(count))

        async def one_by_one() -> None:
            for _ in turn:
                await ask(client, body)

        await asyncio.gather(*(one_by_one() for _ in range(AT_ONCE)))


async def _wait(client: HttpClient, body: bytes) -> None:
    _expect(200, await client.send(client.request(f"/models/{NAME}", body)))


async def _predict(client: HttpClient, body: bytes) -> None:
    submitted = await client.send(client.request(f"/models/{NAME}", body, prefer="respond-async"))
    _expect(202, submitted)
    place = submitted.header(b"location").decode("ascii")
    _expect(200, await client.send(client.get(f"{place}/result?wait={RESULT_WAIT}")))


ASKS: Mapping[str, Ask] = {WAITS: _wait, PREDICTION: _predict}


def _expect(status: int, reply: Reply) -> None:
    if reply.status != status:
        raise NotMeasured(f"answered {reply.status}, not {status}: {reply.body[:300].decode(errors='replace')}")
