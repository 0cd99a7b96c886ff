"""What the log says of batches: a line for each while they are few, and one for those that are too many for that."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from batcher.serving.leases import Lease
from broker.messages import requests_of

PERIOD = 5.0  # seconds: a fast model computes five hundred batches in each of them
MOST = 10  # batches that have a line of their own in a period; at `debug` all have
log = structlog.get_logger("batcher")


@dataclass(slots=True)
class _Sums:
    """Of the batches that no line has told of yet."""

    batches: int = 0
    jobs: int = 0
    failed: int = 0
    unwanted: int = 0
    waited: float = 0.0  # seconds, as the next
    forward: float = 0.0
    closed_by: Counter[str] = field(default_factory=Counter)

    def add(self, lease: Lease) -> None:
        batch = lease.batch
        self.batches += 1
        self.jobs += len(batch.jobs)
        self.failed += len(lease.failed)
        self.unwanted += lease.unwanted
        self.waited += batch.waited
        self.forward += batch.seconds
        self.closed_by[batch.closed_by] += 1


def _later(seconds: float, act: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, act)


class BatchLog:
    """A period begins with a batch. Those that have no line of their own share one at its end."""

    def __init__(self, later: Callable[[float, Callable[[], None]], object] = _later) -> None:
        self._later = later
        self._sums = _Sums()
        self._left = 0  # batches that may still have a line of their own in this period
        self._has_begun = False
        self._tells_each = log.is_enabled_for(logging.DEBUG)  # asked once: it takes as long as all sums of a batch

    def told(self, lease: Lease, *, in_flight: int) -> None:
        """All of a batch have been told of its end."""
        if not self._has_begun:
            self._has_begun, self._left = True, MOST
            self._later(PERIOD, self._end)
        if self._left or self._tells_each:
            self._left = max(0, self._left - 1)
            _tell_one(lease, in_flight)
        else:
            self._sums.add(lease)

    def _end(self) -> None:
        self._has_begun = False
        self.tell()

    def tell(self) -> None:
        """What no line has told of yet."""
        sums, self._sums = self._sums, _Sums()
        if sums.batches:
            log.info(
                "batches",
                batches=sums.batches,
                jobs=sums.jobs,
                closed_by=dict(sums.closed_by),
                waited=_ms(sums.waited / sums.batches),
                forward=_ms(sums.forward / sums.batches),
                failed=sums.failed,
                unwanted=sums.unwanted,
            )


def _tell_one(lease: Lease, in_flight: int) -> None:
    batch = lease.batch
    log.info(
        "batch",
        batch=batch.id,
        jobs=len(batch.jobs),
        groups=batch.passes,
        closed_by=batch.closed_by,
        waited=_ms(batch.waited),
        forward=_ms(batch.seconds),
        failed=len(lease.failed),
        unwanted=lease.unwanted,
        in_flight=in_flight,
        **requests_of(batch.claim.jobs),
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}ms"
