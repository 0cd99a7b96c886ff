"""What a batcher tells Prometheus, on a port of its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

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
        self._model = model

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], model: str) -> Histogram:
        return Histogram(f"jitney_{name}", text, ["model"], buckets=buckets, registry=self.registry).labels(model)

    def serve(self, port: int) -> None:
        """Answer /metrics on every interface. Raises `OSError` when the port is taken."""
        start_http_server(port, registry=self.registry)

    def batch(self, closed_by: str, *, jobs: int, waited: float, seconds: float) -> None:
        """One batch left the card."""
        self._size.observe(jobs)
        self._waited.observe(waited)
        self._compute.observe(seconds)
        self._busy.inc(seconds)
        self._batches.labels(self._model, closed_by).inc()

    def forward(self, *, groups: int, tokens: int, padded_tokens: int, budget: int) -> None:
        """What the engine made of it."""
        self._groups.observe(groups)
        self._tokens.observe(tokens)
        self._padding.observe(1.0 - tokens / padded_tokens if padded_tokens else 0.0)
        self._budget.set(budget)

    def failed(self, code: str) -> None:
        """One job has no result."""
        self._failures.labels(self._model, code).inc()
