"""The spine measured: throughput beside bare Starlette, the broker's work for a batch, a lone client's latency.

    python -m benchmarks spine --json spine.json

All of it runs on this machine in one go, two of each and interleaved: on a shared machine figures from two runs cannot
be compared. `taskset -c 0,1 python -m benchmarks spine` holds it to two cores of a larger one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.lib import machine
from benchmarks.lib.arguments import above, parser
from benchmarks.lib.envelope import TEXT, envelope
from benchmarks.lib.http_client import HttpClient, Reply, fast_run
from benchmarks.lib.stack import NAMESPACE, Child, NotReady, Stack, open_stack
from benchmarks.lib.summary import Spread, spread
from benchmarks.spent.broker_calls import broker_work
from benchmarks.spent.counting import spent_on
from benchmarks.spent.spent import Spent
from benchmarks.spine import wrk
from benchmarks.spine.report import (
    BARE,
    JITNEY,
    Backlog,
    MachineLoad,
    Report,
    SingleClient,
    Throughput,
    markdown,
)
from broker.errors import BrokerUnavailable
from broker.keys import Keys

SPEC = "synthetic:10ms+0ms"
NAME, FIXED = "synthetic", "fixed"  # the batchers, by the names they serve under
SLEEPER = "sleeps-10"  # of the bare server
BATCH_SIZES = (64, 16)
RECORDS = 256  # in a request that is to cost few ADMITs
WARM_UP = 20  # requests
LIMITS_TAKEN_UP = 1.5  # seconds until a beat has surely brought the batcher its new limits
ANSWER_LIMIT = 60.0  # seconds


class NotMeasured(Exception):
    """A server did not answer as it should; the message says what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How often, and how long."""

    rounds: int
    seconds: int  # of each run of wrk
    connections: int
    requests: int  # of the lone client in each round
    batches: int  # that a backlog makes


def measure(plan: Plan, stack: Stack) -> Report:
    """All of it, in the order of the report. Raises `NotReady`, `NotMeasured`, `wrk.WrkFailed`."""
    bare, front_end, batcher = stack.start_bare(), stack.start_front_end(), stack.start_batcher(NAME, SPEC)
    stack.wait_until_it_answers(bare, NAME)
    stack.wait_until_it_answers(front_end, NAME)
    throughput, backlogs, single = [], [], []
    for _ in range(plan.rounds):
        throughput.append(_throughput(plan, stack, bare, BARE))
        throughput.append(_throughput(plan, stack, front_end, JITNEY, batcher))
    for _ in range(plan.rounds):
        backlogs += [_backlog(plan, stack, front_end, batcher, size) for size in BATCH_SIZES]
    # Only now: while calls are counted, no other batcher may beat.
    stack.start_batcher(FIXED, SPEC, "--policy", "fixed", "--max-wait", "0.005")
    stack.wait_until_it_answers(front_end, FIXED)
    for _ in range(plan.rounds):
        single.append(_single_client(plan, stack, f"{BARE}, no model", bare, NAME))
        single.append(_single_client(plan, stack, f"{BARE}, sleeping 10 ms in a thread", bare, SLEEPER))
        single.append(_single_client(plan, stack, f"{JITNEY}, policy adaptive", front_end, NAME))
        single.append(_single_client(plan, stack, f"{JITNEY}, policy fixed, max_wait 5 ms", front_end, FIXED))
    about = {**machine.describe(), "broker": stack.broker.kind, "wrk": f"-t1 -c{plan.connections} -d{plan.seconds}s"}
    return Report(machine=about, throughput=throughput, backlogs=backlogs, single_client=single)


def _throughput(plan: Plan, stack: Stack, server: Child, name: str, batcher: Child | None = None) -> Throughput:
    url, body = f"{server.url}/models/{NAME}", envelope([TEXT]).decode()

    def post() -> wrk.WrkRun:
        return wrk.run(url, body, connections=plan.connections, seconds=plan.seconds)

    run, spent = spent_on(post, stack, [batcher] if batcher else [])
    if run.requests <= run.refused:
        raise NotMeasured(f"{name} answered none of {run.requests} requests with a 200\n{stack.said()}")
    micros = {title: 1e6 * seconds / run.requests for title, seconds in spent.cpu.items()}
    return Throughput(
        server=name,
        run=run,
        cpu={title: used for title, used in micros.items() if used >= 1.0},
        load=_machine_load(spent),
        work=broker_work(spent, run.requests) if batcher else None,
    )


def _backlog(plan: Plan, stack: Stack, front_end: Child, batcher: Child, size: int) -> Backlog:
    stack.redis.hset(Keys(NAMESPACE).limits(NAME), "max_batch_size", str(size))
    time.sleep(LIMITS_TAKEN_UP)
    requests = max(1, plan.batches * size // RECORDS)
    url = f"{front_end.url}/models/{NAME}"
    _, spent = spent_on(lambda: fast_run(_send_at_once(url, requests)), stack, [batcher])
    return Backlog(max_batch_size=size, work=broker_work(spent, requests * RECORDS), load=_machine_load(spent))


def _single_client(plan: Plan, stack: Stack, what: str, server: Child, name: str) -> SingleClient:
    url = f"{server.url}/models/{name}"
    latency, spent = spent_on(lambda: fast_run(_one_by_one(url, plan.requests)), stack)
    return SingleClient(what=what, requests=plan.requests, latency=latency, load=_machine_load(spent))


def _machine_load(spent: Spent) -> MachineLoad:
    return MachineLoad(load=machine.load(), others=spent.others)


async def _send_at_once(url: str, requests: int) -> None:
    with HttpClient(url) as client:
        request = client.request("", envelope([TEXT] * RECORDS))
        async with asyncio.timeout(ANSWER_LIMIT):
            replies = await asyncio.gather(*(client.send(request) for _ in range(requests)))
    for reply in replies:
        _expect_ok(url, reply)


async def _one_by_one(url: str, requests: int) -> Spread:
    took = []
    with HttpClient(url) as client:
        request = client.request("", envelope([TEXT]))
        for _ in range(WARM_UP + requests):
            started = time.perf_counter()
            async with asyncio.timeout(ANSWER_LIMIT):
                reply = await client.send(request)
            took.append(time.perf_counter() - started)
            _expect_ok(url, reply)
    found = spread(took[WARM_UP:])
    assert found is not None  # there is at least one request
    return found


def _expect_ok(url: str, reply: Reply) -> None:
    if reply.status != 200:
        raise NotMeasured(f"{url} answered {reply.status}: {reply.body[:300].decode(errors='replace')}")


def read_plan(arguments: Sequence[str]) -> tuple[Plan, Path | None]:
    """The plan that the command line asks for, and where the report goes as JSON."""
    command = parser("spine", __doc__)
    add = command.add_argument
    add("--rounds", type=above(0), default=2, help="times that everything is measured [default: 2]")
    add("--seconds", type=above(0), default=10, help="of each run of wrk [default: 10]")
    add("--connections", type=above(0), default=256, help="of wrk [default: 256]")
    add("--requests", type=above(0), default=500, help="of the lone client in each round [default: 500]")
    add("--batches", type=above(0), default=128, help="of a backlog whose calls to the broker count [default: 128]")
    add("--json", type=Path, metavar="FILE", help="write the report there as well")
    values = vars(command.parse_args(arguments))
    file = values.pop("json")
    return Plan(**values), file


def main(arguments: Sequence[str]) -> int:
    """0 when everything could be measured, whatever the figures are."""
    plan, file = read_plan(arguments)
    try:
        wrk.find()
        with open_stack() as stack:
            report = measure(plan, stack)
    except (wrk.WrkFailed, NotReady, NotMeasured, BrokerUnavailable, OSError) as error:
        print(f"python -m benchmarks spine: {error}", file=sys.stderr)
        return 1
    print(markdown(report))
    if file:
        file.write_text(json.dumps({**asdict(report), "share": report.share}, indent=2) + "\n")
    return 0
