"""What the log says of batches: one line for all of the last seconds, and at `debug` one for each."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from batcher.serving.leases import Lease

EVERY = 5.0  # seconds between two lines: a fast model computes five hundred batches in each of them
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
    """The first batch is told of at once, those of the next seconds when these are over."""

    def __init__(self, later: Callable[[float, Callable[[], None]], object] = _later) -> None:
        self._later = later
        self._sums = _Sums()
        self._is_silent = False
        self._tells_each = log.is_enabled_for(logging.DEBUG)  # asked once: it takes as long as all sums of a batch

    def told(self, lease: Lease, *, in_flight: int) -> None:
        """All of a batch have been told of its end."""
        self._sums.add(lease)
        if self._tells_each:
            _tell_one(lease, in_flight)
        if not self._is_silent:
            self._tell_now_and_then()

    def _tell_now_and_then(self) -> None:
        """As long as there is something to tell: the last batches before a pause do not wait for its end."""
        self._is_silent = self._sums.batches > 0
        if self._is_silent:
            self.tell()
            self._later(EVERY, self._tell_now_and_then)

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
    log.debug(
        "batch",
        jobs=len(batch.jobs),
        groups=batch.passes,
        closed_by=batch.closed_by,
        waited=_ms(batch.waited),
        forward=_ms(batch.seconds),
        failed=len(lease.failed),
        unwanted=lease.unwanted,
        in_flight=in_flight,
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}ms"
