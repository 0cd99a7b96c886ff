"""Every metric of ours, as front ends, batchers and the history's writer make them."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.core import Metric

from batcher.metrics import BatcherMetrics
from broker.admin.observer import Observation
from history.writing.counts import Counts, WriterMetrics
from server.broker_view import BrokerView
from server.collector import collectors
from tests.unit.server.stand_in import running


async def of_front_ends(tmp_path: Path) -> list[Metric]:
    """Of one that asks for keys, keeps a history, and has a cache with a server."""
    kept = tmp_path / "keys.jsonl"
    kept.write_text("# none yet")
    cache = {"cache_bytes": 1_000, "cache_url": "redis://127.0.0.1:1/0"}
    async with running(api_keys=str(kept), history=True, **cache) as jitney:
        jitney.front_end.broker_view = BrokerView(lambda models: Observation())
        return [one for one in collectors(jitney.front_end).collect() if one.name.startswith("jitney_")]


def of_batchers() -> list[Metric]:
    return [*BatcherMetrics("toy").registry.collect()]


def of_writers() -> list[Metric]:
    return [*WriterMetrics(Counts()).registry.collect()]


async def every_metric(tmp_path: Path) -> list[Metric]:
    return [*await of_front_ends(tmp_path), *of_batchers(), *of_writers()]


def name_of(metric: Metric) -> str:
    """As it is scraped, but for a histogram's endings."""
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def series_of(metric: Metric) -> set[str]:
    """The names of its series."""
    ends = ("_bucket", "_sum", "_count")
    return {metric.name + end for end in ends} if metric.type == "histogram" else {name_of(metric)}
