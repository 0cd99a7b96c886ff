"""Load for a Jitney that runs: how many requests it answers in a second, and how soon.

python -m benchmarks load --rate 200 --arrivals poisson --duration 30
python -m benchmarks load --concurrency 64
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.lib import call_lines, trace, workload
from benchmarks.lib.arguments import above, at_least, parser
from benchmarks.lib.arrivals import KINDS, schedule
from benchmarks.lib.envelope import envelope
from benchmarks.lib.http_client import HttpClient, fast_run
from benchmarks.lib.loops import Answer, Call, Send, Sender
from benchmarks.lib.summary import ANSWERED, Summary, summarise, text
from benchmarks.lib.workload import Workload

FAILED_RECORD = b'"error":{'  # cannot stand within a JSON string: its quotes would be escaped there
TRACE_END = 0.001  # seconds after its last request that a trace still lasts
Watch = Callable[[Sender], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, and how."""

    url: str
    workload: Workload
    concurrency: int | None  # clients of the closed loop; None for the open one
    rate: float | None  # requests a second of the open loop
    arrivals: str  # poisson | constant | burst
    duration: float  # seconds measured
    warm_up: float  # seconds before that, not measured
    timeout: float  # seconds a request may take from when it was due
    seed: int
    max_in_flight: int
    burst_on: float = 1.0  # seconds of a burst
    burst_off: float = 1.0  # seconds between two
    slo: float | None = None  # seconds from when it was due, for the goodput
    jsonl: str | None = None  # file for a line a request
    replay: trace.Trace | None = None  # instead of a rate: one request each

    @property
    def title(self) -> str:
        if self.concurrency is not None:
            return (
                f"closed loop, {self.concurrency} client(s), {self.duration:g} s (a client that waits sends nothing: "
                "a stall is seen by the few who are in it, and waiting is hidden)"
            )
        if self.replay is not None:
            return f"open loop, a trace, {self.duration:g} s of it, from the intended send time"
        return f"open loop, {self.arrivals} arrivals, {self.rate:g}/s, {self.duration:g} s, from the intended send time"


def bodies(plan: Plan) -> list[bytes]:
    """The bodies to send in turn: every text is used, and the last body is filled up with the first ones."""
    if plan.replay is not None:
        return _sized_bodies(plan, plan.replay)
    sent = plan.workload
    filled = [*sent.texts, *islice(cycle(sent.texts), sent.records)]
    starts = range(0, len(sent.texts), sent.records)
    return [envelope(filled[start : start + sent.records], sent.languages) for start in starts]


def _sized_bodies(plan: Plan, replay: trace.Trace) -> list[bytes]:
    """One for each request of the trace; its records are equally long."""
    sent = plan.workload
    texts = cycle(sent.texts)
    return [
        envelope([trace.sized(text, characters) for text in islice(texts, sent.records)], sent.languages)
        for _, characters in replay
    ]


def sending(client: HttpClient, path: str, bodies: Sequence[bytes]) -> Send:
    """How one request is sent: whatever happens is an outcome."""
    requests = [client.request(path, body) for body in bodies]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Every call of a plan, those of its warm-up too, and what the client used of a core for them."""

    calls: Sequence[Call]
    busy: float


async def measure(plan: Plan, watch: Watch | None = None) -> Summary:
    """What `send` comes to; raises what it raises."""
    sent = await send(plan, watch)
    if plan.jsonl:
        call_lines.write(Path(plan.jsonl), sent.calls)
    return summarise(sent.calls, plan.warm_up, plan.duration, plan.slo, sent.busy)


async def send(plan: Plan, watch: Watch | None = None) -> Sent:
    """Run the plan, and `watch` beside it. Raises `OSError` when nobody listens, `ValueError` for no URL of ours."""
    started, used = time.perf_counter(), time.process_time()
    with HttpClient(plan.url) as client:
        async with asyncio.timeout(plan.timeout):
            await client.check()
        sender = Sender(send=sending(client, plan.workload.path, bodies(plan)), timeout=plan.timeout)
        async with _beside(watch(sender) if watch else asyncio.sleep(0)):
            await _run(plan, sender)
    return Sent(calls=sender.calls, busy=(time.process_time() - used) / (time.perf_counter() - started))


async def _run(plan: Plan, sender: Sender) -> None:
    seconds = plan.warm_up + plan.duration
    if plan.concurrency is not None:
        await sender.closed(plan.concurrency, seconds)
    elif plan.replay is not None:
        await sender.open((due for due, _ in plan.replay if due < seconds), plan.max_in_flight)
    elif plan.rate is not None:
        bursts = {"burst_on": plan.burst_on, "burst_off": plan.burst_off}
        await sender.open(schedule(plan.rate, seconds, plan.arrivals, plan.seed, **bursts), plan.max_in_flight)


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """`work` runs as long as the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def show_progress(sender: Sender) -> None:
    """One line a second, written over the last."""
    counted = answered = failed = seconds = 0
    while True:
        await asyncio.sleep(1.0)
        seconds += 1
        fresh = sender.calls[counted:]
        good = sum(call.outcome == ANSWERED for call in fresh)
        counted, answered, failed = counted + len(fresh), answered + good, failed + len(fresh) - good
        line = f"{seconds:>4} s   {good:>6} answered in this second, {answered} in all, {failed} failed"
        print(f"\r{line:<78}", end="", file=sys.stderr, flush=True)


def read_plan(arguments: Sequence[str]) -> tuple[Plan, Path | None]:
    """The plan that the command line asks for, and where its summary goes as JSON."""
    command = parser("load", __doc__)
    add = command.add_argument
    loop = command.add_mutually_exclusive_group(required=True)
    loop.add_argument("--concurrency", type=above(0), help="closed loop: clients that each wait for their answer")
    loop.add_argument("--rate", type=above(0.0), help="open loop: requests a second, whatever comes back")
    loop.add_argument(
        "--replay", type=Path, metavar="FILE", help="open loop: lines of seconds,characters, a request each"
    )
    add("--arrivals", choices=KINDS, default="poisson", help="of the open loop [default: poisson]")
    add("--burst-on", type=above(0.0), default=1.0, help="seconds of each burst [default: 1]")
    add("--burst-off", type=at_least(0.0), default=1.0, help="seconds of silence after each [default: 1]")
    add("--url", default="http://127.0.0.1:9527", help="the front end [default: %(default)s]")
    workload.add_options(command)
    add("--duration", type=above(0.0), help="seconds to measure [default: 10; all of a trace]")
    add("--warm-up", type=at_least(0.0), help="seconds before that, not measured [default: 2; none of a trace]")
    add("--timeout", type=above(0.0), default=10.0, help="seconds for a request from when it was due [default: 10]")
    add("--max-in-flight", type=above(0), default=512, help="of the open loop; more wait, and it counts [default: 512]")
    add("--slo", type=above(0.0), metavar="SECONDS", help="count the answers within it apart, as goodput")
    add("--jsonl", metavar="FILE", help="write a line there for each request: due, sent, ended, outcome, stages")
    add("--json", type=Path, metavar="FILE", help="write the plan and the summary there as well")
    values = command.parse_args(arguments)
    try:
        return _plan(values), values.json
    except (OSError, ValueError) as error:
        command.error(str(error))


def _plan(values: argparse.Namespace) -> Plan:
    replay = trace.read(values.replay) if values.replay else None
    warm_up, duration = (0.0, replay[-1][0] + TRACE_END) if replay else (2.0, 10.0)
    asked = {name: value for name, value in vars(values).items() if name in Plan.__slots__ and value is not None}
    held = {"warm_up": warm_up, "duration": duration, **asked, "workload": workload.read(values), "replay": replay}
    return Plan(**{"concurrency": None, "rate": None, **held})


def main(arguments: Sequence[str]) -> int:
    """0 when anything was answered."""
    plan, file = read_plan(arguments)
    try:
        summary = fast_run(measure(plan, show_progress if sys.stderr.isatty() else None))
    except OSError as error:
        print(f"nothing listens at {plan.url} ({error}); start one: make serve, or jitney up", file=sys.stderr)
        return 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if sys.stderr.isatty():
        print(f"\r{'':<78}\r", end="", file=sys.stderr, flush=True)
    print(f"{plan.title}\n{plan.url}{plan.workload.path}, {plan.workload.records} record(s) a request\n{text(summary)}")
    if file:
        said = {**asdict(plan), "workload": plan.workload.in_words()}
        file.write_text(json.dumps({"plan": said, "summary": asdict(summary)}, indent=2) + "\n")
    return 0 if summary.answered else 1
