"""One name, one meaning: metrics of front ends, of batchers, and those that the pages name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from batcher.metrics import BatcherMetrics
from broker.admin.observer import Observation
from history.writing.counts import Counts, WriterMetrics
from server.broker_view import BrokerView
from server.collector import collectors
from tests.unit.server.stand_in import running

pytestmark = pytest.mark.anyio

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", TOP / "CHANGELOG.md", *(TOP / "docs").glob("*.md"), TOP / "k8s/README.md"]


def named(metrics: Iterable[Metric]) -> set[str]:
    return {f"{one.name}_total" if one.type == "counter" else one.name for one in metrics}


async def of_front_ends(tmp_path: Path) -> set[str]:
    """Of one that asks for keys and keeps a history."""
    kept = tmp_path / "keys.jsonl"
    kept.write_text("# none yet")
    cache = {"cache_bytes": 1_000, "cache_url": "redis://127.0.0.1:1/0"}
    async with running(api_keys=str(kept), history=True, **cache) as jitney:
        jitney.front_end.broker_view = BrokerView(lambda models: Observation())
        return {name for name in named(collectors(jitney.front_end).collect()) if name.startswith("jitney_")}


def of_others() -> list[set[str]]:
    """Of a batcher, and of a history's writer."""
    return [named(one.registry.collect()) for one in (BatcherMetrics("toy"), WriterMetrics(Counts()))]


async def test_no_two_processes_have_metrics_of_one_name(tmp_path: Path):
    batcher, writer = of_others()

    assert await of_front_ends(tmp_path) & (batcher | writer) == batcher & writer == set()


async def test_every_metric_that_a_page_names_is_there(tmp_path: Path):
    known = await of_front_ends(tmp_path) | set().union(*of_others())

    for page in PAGES:
        said = set(re.findall(r"jitney_[a-z0-9_]+(?=[`{)])", page.read_text()))
        assert {name for name in said if name.removesuffix("_bucket") not in known} == set(), page.name
