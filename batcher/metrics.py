"""What a batcher tells Prometheus, on a port of its own: plain numbers, each written by one thread.

prometheus-client's own take a lock and several microseconds for each of the two dozen observations of a batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from batcher.engines.engine import StepStats
from batcher.policy.gathering.decision import GatheringState
from batcher.serving.batch import Batch
from broker.common.numbers.histogram import Histogram
from broker.messages import Failure, Slo

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TOKENS = (16, 64, 256, 1024, 4096, 16384, 65536)
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


class BatcherMetrics(Collector):
    """One registry for one process, so that tests may have several. Every metric by its name: `collect`."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._size, self._groups, self._tokens = Histogram(SIZES), Histogram(SIZES), Histogram(TOKENS)
        self._padding, self._waited, self._compute = Histogram(SHARES), Histogram(SECONDS), Histogram(SECONDS)
        self._batches: dict[str, int] = defaultdict(int)  # by what closed them
        self._failures: dict[str, int] = defaultdict(int)  # by code
        self._busy = self._row_seconds = self._forward = 0.0
        self._passes = self._all_tokens = self._padded = 0
        self._rows = self._budget = 0  # now
        self._slo: Slo | None = None  # where one is kept
        self._gathering: Callable[[], GatheringState] | None = None  # where jobs do not join those that run
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def serve(self, host: str, port: int) -> None:
        """Answer /metrics there. Raises `OSError` when the port is taken."""
        start_http_server(port, addr=host, registry=self.registry)

    # What happens

    def batch(self, stats: StepStats) -> None:
        """The engine computed a batch in one go."""
        self._groups.observe(stats.groups)
        self._tokens.observe(stats.tokens)
        self._padding.observe(1.0 - stats.tokens / stats.padded_tokens if stats.padded_tokens else 0.0)

    def step(self, stats: StepStats, *, seconds: float, rows: int) -> None:
        """The engine computed so many jobs for so long. Called in the model's thread, as `batch` is."""
        self._busy += seconds
        self._row_seconds += seconds * rows
        self._forward += stats.forward_seconds
        self._passes += stats.groups
        self._all_tokens += stats.tokens
        self._padded += stats.padded_tokens
        self._budget = stats.budget

    def in_flight(self, rows: int) -> None:
        """So many jobs are in an in-flight engine from now on."""
        self._rows = rows

    def slo(self, state: Slo) -> None:
        """How the SLO is kept now."""
        self._slo = state

    def gathering(self, state: Callable[[], GatheringState]) -> None:
        """Whether batches wait for callers that come back, and from what that is decided: asked when it is read."""
        self._gathering = state

    def lease(self, batch: Batch, failures: Sequence[Failure]) -> None:
        """All jobs of a batch have left the card."""
        for failure in failures:
            self._failures[failure.code.value] += 1
        if batch.jobs:
            self._size.observe(len(batch.jobs))
            self._waited.observe(batch.waited)
            self._compute.observe(batch.seconds)
            self._batches[batch.closed_by] += 1

    # What Prometheus reads

    def collect(self) -> Iterator[Metric]:
        yield self._histogram("batch_size", "Jobs in a batch", self._size)
        yield self._histogram("batch_groups", "Forward groups in a batch", self._groups)
        yield self._histogram("batch_tokens", "Tokens in a batch, without padding", self._tokens)
        yield self._histogram("batch_padding_ratio", "Padding per token computed", self._padding)
        yield self._histogram("batch_wait_seconds", "From the window's opening to the start", self._waited)
        yield self._histogram("batch_compute_seconds", "In the engine", self._compute)
        yield self._counters("batches", "Batches by what closed them", "closed_by", self._batches)
        yield self._counters("job_failures", "Jobs that failed, by code", "code", self._failures)
        yield self._counter("forward_seconds", "Seconds in forward passes", self._forward)
        yield self._counter("forward_passes", "Forward passes", self._passes)
        yield self._counter("tokens", "Tokens computed, without padding", self._all_tokens)
        yield self._counter("padded_tokens", "Tokens computed, with padding", self._padded)
        text = "Busy seconds times jobs in flight; per busy second: how many run on average"
        yield self._counter("row_seconds", text, self._row_seconds)
        yield self._counter("batcher_busy_seconds", "Seconds in the engine; its rate is the busy share", self._busy)
        yield self._gauge("rows_in_flight", "Jobs in an in-flight engine, now", self._rows)
        yield self._gauge("token_budget", "Padded tokens a forward pass may have now", self._budget)
        yield from self._slo_gauges(self._slo)
        yield from self._window_gauges(self._gathering() if self._gathering else None)

    def _slo_gauges(self, slo: Slo | None) -> Iterator[Metric]:
        text = "Jobs that a batch may have now, for the sake of the SLO"
        yield self._gauge("slo_batch_size", text, slo.size if slo else None)
        text = "Interactive jobs, admission to outcome; of the last 300"
        yield self._gauge("slo_p99_seconds", text, slo.p99 or None if slo else None)
        yield self._gauge("slo_bound_seconds", "What that p99 is to stay within", slo.bound if slo else None)

    def _window_gauges(self, state: GatheringState | None) -> Iterator[Metric]:
        text = "1: batches wait for callers that come back; 0: they never do"
        yield self._gauge("window_gathers", text, state.gathers if state else None)
        text = "Jobs that would have joined, as of the last decision"
        yield self._gauge("window_expected_jobs", text, state.expected if state else None)
        yield self._gauge("window_wait_seconds", "That this was worth; 0: it was not", state.wait if state else None)
        text = "Jobs answered, of the last 25 batches"
        yield self._gauge("window_jobs_per_second", text, state.rate if state else None)
        text = "From the end of a batch until its outcomes are told"
        yield self._gauge("window_finish_seconds", text, state.between if state else None)

    def _histogram(self, name: str, text: str, histogram: Histogram) -> Metric:
        family = HistogramMetricFamily(f"jitney_{name}", text, labels=["model"])
        family.add_metric([self._model], histogram.buckets(), histogram.total)
        return family

    def _counter(self, name: str, text: str, count: float) -> Metric:
        family = CounterMetricFamily(f"jitney_{name}", text, labels=["model"])
        family.add_metric([self._model], count)
        return family

    def _counters(self, name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
        family = CounterMetricFamily(f"jitney_{name}", text, labels=["model", label])
        for value, count in [*counts.items()]:  # a copy: the event loop goes on counting
            family.add_metric([self._model, value], count)
        return family

    def _gauge(self, name: str, text: str, value: float | None) -> Metric:
        """None: there is no sample, as nothing was measured."""
        family = GaugeMetricFamily(f"jitney_{name}", text, labels=["model"])
        if value is not None:
            family.add_metric([self._model], value)
        return family
