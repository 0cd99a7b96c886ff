"""One process that sends what a plan says, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from benchmarks.lib.arrivals import schedule
from benchmarks.lib.http_client import HttpClient
from benchmarks.lib.loops import Answer, Call, Send, Sender
from benchmarks.lib.workload import Workload
from benchmarks.load.plan import Plan, bodies
from benchmarks.load.progress import Tally, counting

FAILED_RECORD = b'"error":{'  # cannot stand within a JSON string: its quotes would be escaped there
Report = Callable[[Tally], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Every call of a plan, those of its warm-up too, and what the client used of a core for them."""

    calls: Sequence[Call]
    busy: float


async def send_alone(plan: Plan, report: Report | None = None) -> Sent:
    """Run the plan from this process, and `report` every second what came back in it.

    Raises `OSError` when nobody listens, `ValueError` for no URL of ours.
    """
    started, used = time.perf_counter(), time.process_time()
    with HttpClient(plan.url) as client:
        async with asyncio.timeout(plan.timeout):
            await client.check()
        sender = Sender(send=sending(client, plan.workload, bodies(plan)), timeout=plan.timeout)
        async with beside(counting(sender, report) if report else asyncio.sleep(0)):
            await _run(plan, sender)
    return Sent(calls=sender.calls, busy=(time.process_time() - used) / (time.perf_counter() - started))


def sending(client: HttpClient, workload: Workload, bodies: Sequence[bytes]) -> Send:
    """How one request is sent: whatever happens is an outcome."""
    requests = [client.request(workload.path, body, workload.content_type, lane=workload.lane) for body in bodies]

    async def send(number: int, seconds: float) -> Answer:
        try:
            async with asyncio.timeout(seconds):
                reply = await client.send(requests[number % len(requests)])
        except TimeoutError:
            return Answer("timeout")
        except (OSError, ValueError) as error:
            return Answer(type(error).__name__)
        if reply.status == 200 and FAILED_RECORD in reply.body:
            return Answer("200, records failed")
        return Answer(str(reply.status), reply.header(b"server-timing"))

    return send


async def _run(plan: Plan, sender: Sender) -> None:
    if plan.concurrency is not None:
        await sender.closed(plan.concurrency, plan.seconds)
    else:
        await sender.open(dues(plan), plan.max_in_flight)


def dues(plan: Plan) -> Iterator[float]:
    """When the requests of an open loop are due, in seconds from the start."""
    bursts = {"burst_on": plan.burst_on, "burst_off": plan.burst_off}
    drawn = schedule(plan.rate, plan.seconds, plan.arrivals, plan.seed, **bursts) if plan.rate else []
    found = [due for due, _ in plan.replay] if plan.replay else drawn
    return (due + plan.offset for due in found if due + plan.offset < plan.seconds)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """`work` runs as long as the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
