"""What a writer has done so far, and how Prometheus reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

NAME = "jitney_history_writer_"


@dataclass(slots=True, kw_only=True)
class Counts:
    """Since it started."""

    written: int = 0  # rows that were new
    repeated: int = 0  # rows that were there already
    refused: int = 0  # rows that the database cannot store
    clamped: int = 0  # rows whose time lay outside the months that there is room for
    unread: int = 0  # blocks
    errors: int = 0  # of the database and the broker
    up: bool = False  # it has met the database, and could do last what it had to
    leads: bool = False  # it is its turn to write
    behind_since: float = 0.0  # when all that waited was written last; monotonic; 0: not its turn yet


class WriterMetrics(Collector):
    """One registry for one process."""

    def __init__(self, counts: Counts, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts, self._clock = counts, clock
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def serve(self, host: str, port: int) -> None:
        """Answer /metrics there. Raises `OSError` when the port is taken."""
        start_http_server(port, addr=host, registry=self.registry)

    def collect(self) -> Iterator[Metric]:
        counts = self._counts
        yield _counter("rows_written", "Rows that are in the database for the first time", counts.written)
        yield _counter("rows_repeated", "Rows that were there already", counts.repeated)
        yield _counter("rows_refused", "Rows that were dropped: the database cannot store them", counts.refused)
        yield _counter("rows_clamped", "Rows whose time was moved: a front end's clock is wrong", counts.clamped)
        yield _counter("blocks_unread", "Blocks that were dropped: they cannot be read", counts.unread)
        yield _counter("errors", "Errors of the database and the broker", counts.errors)
        yield _gauge("up", "1: it writes or stands by; 0: it cannot", float(counts.up))
        yield _gauge("leads", "1: it writes; 0: it stands by, or has not met the database", float(counts.leads))
        behind = max(0.0, self._clock() - counts.behind_since) if counts.leads and counts.behind_since else 0.0
        yield _gauge("lag_seconds", "Since all that waits at the broker was written last", behind)


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(NAME + name, text, value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(NAME + name, text, value)
