"""One layout under load, on a stack of its own: no other process of ours takes time or asks the broker meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import mean

from benchmarks.lib import machine
from benchmarks.lib.envelope import TEXT, envelope
from benchmarks.lib.stack import NAMESPACE, READY_LIMIT, Child, NotReady, Stack, open_stack
from benchmarks.scale.contract import Layout, Point
from benchmarks.spent.counting import spent_on
from benchmarks.spine import wrk
from broker.keys import Keys

NAME = "synthetic"
WARM_UP = 2  # seconds


class NotMeasured(Exception):
    """The servers did not answer as they should; the message says how."""


def measure(layout: Layout, seconds: int) -> Point:
    """Raises `NotReady`, `NotMeasured`, `WrkFailed`, `BrokerUnavailable`, `OSError`."""
    with open_stack() as stack:
        batchers = [
            stack.start_batcher(NAME, layout.spec, title=f"batcher {number + 1}") for number in range(layout.batchers)
        ]
        front_ends = [stack.start_front_end(title=f"front end {number + 1}") for number in range(layout.front_ends)]
        for front_end in front_ends:
            stack.wait_until_it_answers(front_end, NAME)
        _wait_for_batchers(stack, layout.batchers)
        _load(front_ends, layout.connections, WARM_UP)
        runs, spent = spent_on(lambda: _load(front_ends, layout.connections, seconds), stack, batchers)
    if refused := sum(run.refused for run in runs):
        raise NotMeasured(f"{layout}: {refused} requests were not answered with a 200")
    answers = sum(run.requests for run in runs)
    return Point(
        layout=layout,
        answers=answers,
        seconds=mean(run.seconds for run in runs),
        p50=mean(run.p50 for run in runs),
        p99=max(run.p99 for run in runs),
        spent=spent,
        load=machine.load(),
    )


def _load(front_ends: Sequence[Child], connections: int, seconds: int) -> list[wrk.WrkRun]:
    """As many clients at each front end; all begin together."""
    body, each = envelope([TEXT]).decode(), max(1, connections // len(front_ends))

    def post(front_end: Child) -> wrk.WrkRun:
        return wrk.run(f"{front_end.url}/models/{NAME}", body, connections=each, seconds=seconds)

    with ThreadPoolExecutor(len(front_ends)) as pool:
        return list(pool.map(post, front_ends))


def _wait_for_batchers(stack: Stack, count: int) -> None:
    """Until so many have told the broker of themselves. Raises `NotReady`."""
    give_up = time.monotonic() + READY_LIMIT
    while stack.redis.hlen(Keys(NAMESPACE).batchers) < count:
        if time.monotonic() > give_up:
            raise NotReady(f"{count} batchers were not there within {READY_LIMIT:g} s\n{stack.said()}")
        time.sleep(0.05)
