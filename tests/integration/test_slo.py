"""A batcher that sizes its batches for an SLO, with real processes: what it decides is seen where operators look."""

from __future__ import annotations

from contextlib import closing

from broker.admin.redis import connect_admin
from broker.messages import Presence
from tests.integration.processes import Process
from tests.integration.stack import NAMESPACE, Stack, stack

TIGHT = 0.2  # seconds: far from two batches of 64, 680 ms, and from two of one job, 50 ms


def test_what_a_batcher_decides_for_an_slo_is_a_metric_and_stands_in_the_registry() -> None:
    with stack(("synthetic:20ms+5ms",), slo_p99=TIGHT) as system:
        records = [{"id": str(number), "text": "x"} for number in range(8)]

        answer = system.post("/models/synthetic", {"payload": {"records": records}})
        system.until(lambda: presence(system).slo is not None, "it announces its SLO")

        slo, metrics = presence(system).slo, gauges(system.batchers[0])
        assert answer.status == 200
        assert slo is not None and (slo.bound, 1 <= slo.size < 64) == (TIGHT, True)
        assert metrics["jitney_slo_bound_seconds"] == TIGHT
        assert 1 <= metrics["jitney_slo_batch_size"] < 64


def presence(system: Stack) -> Presence:
    with closing(connect_admin(system.broker.url, NAMESPACE)) as admin:
        [batcher] = admin.overview().batchers
    return batcher.presence


def gauges(batcher: Process) -> dict[str, float]:
    """By name."""
    lines = [line for line in batcher.metrics().splitlines() if line.startswith("jitney_slo")]
    return {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in lines}
