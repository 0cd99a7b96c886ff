"""The counters of a stack, read before and after some work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from benchmarks.lib import machine
from benchmarks.lib.stack import Child, Stack
from benchmarks.spent.spent import Spent

Returned = TypeVar("Returned")


def spent_on(act: Callable[[], Returned], stack: Stack, batchers: Sequence[Child] = ()) -> tuple[Returned, Spent]:
    """What `act` returned, and what the stack spent on it; `batchers` are those whose batches count."""
    # Admissions are asked for outside of the calls: what the measuring asks the broker is not to be counted.
    admissions = stack.admissions()
    before = _counters(stack, batchers)
    returned = act()
    spent = _counters(stack, batchers) - before
    return returned, replace(spent, admissions=stack.admissions() - admissions)


def _counters(stack: Stack, batchers: Sequence[Child]) -> Spent:
    return Spent(
        batches=sum(stack.batches(batcher) for batcher in batchers),
        calls=stack.calls(),
        trips=stack.reads(),
        cpu={**machine.cpu_seconds(stack.pids()), "wrk": machine.ended_children_seconds()},
        busy=machine.busy_seconds(),
        seconds=time.perf_counter(),
    )
