"""Where spans are sent: one row of each process's settings, beside the variables that OpenTelemetry itself reads."""

from __future__ import annotations

from dataclasses import dataclass

from broker.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingSettings:
    """Off unless one of them names a collector."""

    otlp_endpoint: str = setting(
        "",
        "the collector that spans are sent to, as OTLP over HTTP: http://host:4318; empty: where "
        "OTEL_EXPORTER_OTLP_ENDPOINT says, or nowhere (extra tracing)",
    )
