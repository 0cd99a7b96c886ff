"""What a batcher tells Prometheus, on a port of its own."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from batcher.engines.engine import StepStats
from batcher.policy.gathering.decision import GatheringState
from batcher.serving.batch import Batch
from broker.messages import Failure, Slo

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TOKENS = (16, 64, 256, 1024, 4096, 16384, 65536)
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


class BatcherMetrics:
    """One registry for one process, so that tests may have several."""

    def __init__(self, model: str) -> None:
        self.registry = CollectorRegistry()
        self._size = self._histogram("batch_size", "Jobs in a batch", SIZES, model)
        self._groups = self._histogram("batch_groups", "Forward groups in a batch", SIZES, model)
        self._tokens = self._histogram("batch_tokens", "Tokens in a batch, without padding", TOKENS, model)
        self._padding = self._histogram("batch_padding_ratio", "Padding per token computed", SHARES, model)
        self._waited = self._histogram("batch_wait_seconds", "From the window's opening to the start", SECONDS, model)
        self._compute = self._histogram("batch_compute_seconds", "In the engine", SECONDS, model)
        self._batches = Counter(
            "jitney_batches", "Batches by what closed them", ["model", "closed_by"], registry=self.registry
        )
        self._forward = self._counter("forward_seconds", "Seconds in forward passes", model)
        self._passes = self._counter("forward_passes", "Forward passes", model)
        self._all_tokens = self._counter("tokens", "Tokens computed, without padding", model)
        self._padded = self._counter("padded_tokens", "Tokens computed, with padding", model)
        self._row_seconds = self._counter(
            "row_seconds", "Busy seconds times jobs in flight; per busy second: how many run on average", model
        )
        self._rows = Gauge(
            "jitney_rows_in_flight", "Jobs in an in-flight engine, now", ["model"], registry=self.registry
        ).labels(model)
        self._busy = Counter(
            "jitney_batcher_busy_seconds",
            "Seconds in the engine; its rate is the busy share",
            ["model"],
            registry=self.registry,
        ).labels(model)
        self._failures = Counter(
            "jitney_job_failures", "Jobs that failed, by code", ["model", "code"], registry=self.registry
        )
        self._budget = Gauge(
            "jitney_token_budget", "Padded tokens a forward pass may have now", ["model"], registry=self.registry
        ).labels(model)
        # No sample of these where no SLO is kept.
        self._slo_size = self._gauge("slo_batch_size", "Jobs that a batch may have now, for the sake of the SLO")
        self._slo_p99 = self._gauge("slo_p99_seconds", "Interactive jobs, admission to outcome; of the last 300")
        self._slo_bound = self._gauge("slo_bound_seconds", "What that p99 is to stay within")
        # Nor of these where jobs join those that run.
        self._gathers = self._gauge("window_gathers", "1: batches wait for callers that come back; 0: they never do")
        self._expected = self._gauge("window_expected_jobs", "Jobs that would have joined, as of the last decision")
        self._wait = self._gauge("window_wait_seconds", "That this was worth; 0: it was not")
        self._rate = self._gauge("window_jobs_per_second", "Jobs answered, of the last 25 batches")
        self._between = self._gauge("window_finish_seconds", "From the end of a batch until its outcomes are told")
        self._model = model

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"jitney_{name}", text, ["model"], registry=self.registry)

    def _counter(self, name: str, text: str, model: str) -> Counter:
        return Counter(f"jitney_{name}", text, ["model"], registry=self.registry).labels(model)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], model: str) -> Histogram:
        return Histogram(f"jitney_{name}", text, ["model"], buckets=buckets, registry=self.registry).labels(model)

    def serve(self, host: str, port: int) -> None:
        """Answer /metrics there. Raises `OSError` when the port is taken."""
        start_http_server(port, addr=host, registry=self.registry)

    def batch(self, stats: StepStats) -> None:
        """The engine computed a batch in one go."""
        self._groups.observe(stats.groups)
        self._tokens.observe(stats.tokens)
        self._padding.observe(1.0 - stats.tokens / stats.padded_tokens if stats.padded_tokens else 0.0)

    def step(self, stats: StepStats, *, seconds: float, rows: int) -> None:
        """The engine computed so many jobs for so long. Called in the model's thread, as `batch` is."""
        self._busy.inc(seconds)
        self._row_seconds.inc(seconds * rows)
        self._forward.inc(stats.forward_seconds)
        self._passes.inc(stats.groups)
        self._all_tokens.inc(stats.tokens)
        self._padded.inc(stats.padded_tokens)
        self._budget.set(stats.budget)

    def in_flight(self, rows: int) -> None:
        """So many jobs are in an in-flight engine from now on."""
        self._rows.set(rows)

    def slo(self, state: Slo) -> None:
        """How the SLO is kept now."""
        self._slo_size.labels(self._model).set(state.size)
        self._slo_bound.labels(self._model).set(state.bound)
        if state.p99:
            self._slo_p99.labels(self._model).set(state.p99)

    def gathering(self, state: GatheringState) -> None:
        """Whether batches wait for callers that come back, and from what that is decided."""
        self._gathers.labels(self._model).set(state.gathers)
        self._expected.labels(self._model).set(state.expected)
        self._wait.labels(self._model).set(state.wait)
        self._rate.labels(self._model).set(state.rate)
        self._between.labels(self._model).set(state.between)

    def lease(self, batch: Batch, failures: Sequence[Failure]) -> None:
        """All jobs of a batch have left the card."""
        for failure in failures:
            self._failures.labels(self._model, failure.code.value).inc()
        if batch.jobs:
            self._size.observe(len(batch.jobs))
            self._waited.observe(batch.waited)
            self._compute.observe(batch.seconds)
            self._batches.labels(self._model, batch.closed_by).inc()
