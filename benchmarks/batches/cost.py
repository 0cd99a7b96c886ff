"""What a prediction costs beside a call that waits: the broker's commands, bytes and time, and the front end's time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.batches.api import expect
from benchmarks.lib import machine
from benchmarks.lib.envelope import envelope
from benchmarks.lib.http_client import HttpClient, fast_run
from benchmarks.lib.stack import Child, Stack
from benchmarks.lib.workload import drawn
from benchmarks.spent.broker_calls import by_command

NAME, SPEC = "quick", "synthetic:1ms+0ms"
WAITS, PREDICTION = "call that waits", "prediction"
RESULT_WAIT = 30  # seconds
WORDS = 8.0  # of a text, mean

Ask = Callable[[HttpClient, bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Case:
    """Which calls make a block."""

    records: int
    at_once: int  # that are under way
    calls: int


CASES = (
    Case(records=1, at_once=1, calls=300),
    Case(records=1, at_once=16, calls=600),
    Case(records=64, at_once=16, calls=200),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one call, on average over a block of them."""

    kind: str
    case: Case
    scripts: float  # EVALSHAs; the one inside the batcher's transaction counts too
    commands: float  # all, those inside scripts included
    broker_micros: float  # processor time
    bytes_to: float  # the broker
    bytes_from: float
    kept: float  # bytes of the broker's memory that stay used
    front_end_micros: float  # processor time
    seconds: float  # mean, from the first request to the answer


def measure(stack: Stack, front_end: Child, cases: Sequence[Case], rounds: int) -> Iterator[Cost]:
    """Blocks of both kinds in turns. Raises `OSError`, `NotMeasured`."""
    for number in range(rounds):
        for case in cases:
            body = envelope(drawn(WORDS, seed=number, count=case.records))
            for kind, ask in ASKS.items():
                yield _block(stack, front_end, kind, ask, body, case)


def _block(stack: Stack, front_end: Child, kind: str, ask: Ask, body: bytes, case: Case) -> Cost:
    fast_run(_all(front_end.url, ask, body, replace(case, calls=case.at_once)))  # now its code is warm
    before, started = _reading(stack, front_end), time.perf_counter()
    fast_run(_all(front_end.url, ask, body, case))
    took = time.perf_counter() - started
    spent = {name: (value - before[name]) / case.calls for name, value in _reading(stack, front_end).items()}
    return Cost(kind=kind, case=case, seconds=took * case.at_once / case.calls, **spent)


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


async def _all(url: str, ask: Ask, body: bytes, case: Case) -> None:
    with HttpClient(url) as client:
        turn = iter(range(case.calls))

        async def one_by_one() -> None:
            for _ in turn:
                await ask(client, body)

        await asyncio.gather(*(one_by_one() for _ in range(case.at_once)))


async def _wait(client: HttpClient, body: bytes) -> None:
    expect(200, await client.send(client.request(f"/models/{NAME}", body)))


async def _predict(client: HttpClient, body: bytes) -> None:
    submitted = await client.send(client.request(f"/models/{NAME}", body, prefer="respond-async"))
    expect(202, submitted)
    place = submitted.header(b"location").decode("ascii")
    expect(200, await client.send(client.get(f"{place}/result?wait={RESULT_WAIT}")))


ASKS: Mapping[str, Ask] = {WAITS: _wait, PREDICTION: _predict}
