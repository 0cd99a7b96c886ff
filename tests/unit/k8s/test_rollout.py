"""Nothing is cut off when pods are replaced, and never too many are away at once."""

from __future__ import annotations

import pytest

from tests.manifests import EVERYTHING, Rendered, render

BOTH = pytest.mark.parametrize("rendered", [render(*EVERYTHING), render("local")], ids=["gpu", "local"])
LEAVING = 15  # seconds that a batcher has for its last outcomes when its batch is computed


@BOTH
def test_a_front_end_may_finish_what_is_pending_before_it_is_killed(rendered: Rendered) -> None:
    _, server = rendered.settings("jitney-front-end")
    (container,) = rendered.containers("jitney-front-end")
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    longest = before + server.drain_seconds + max(server.default_timeout, server.max_timeout)

    assert before >= 5  # until every node has heard that it takes no connections
    assert rendered.pod("jitney-front-end")["spec"]["terminationGracePeriodSeconds"] > longest


@BOTH
def test_a_batcher_may_finish_its_batch_before_it_is_killed(rendered: Rendered) -> None:
    for name in rendered.workloads("jitney-batcher"):
        _, batcher, _ = rendered.settings(name)
        assert rendered.pod(name)["spec"]["terminationGracePeriodSeconds"] >= batcher.max_step + LEAVING


@BOTH
def test_a_new_pod_is_ready_before_an_old_one_leaves(rendered: Rendered) -> None:
    for name in [*rendered.workloads("jitney-batcher"), *rendered.workloads("jitney-front-end")]:
        strategy = rendered.workload(name)["spec"]["strategy"]
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


@BOTH
def test_of_each_kind_one_pod_at_a_time_is_sent_away_from_its_node(rendered: Rendered) -> None:
    for name in [*rendered.workloads("jitney-batcher"), *rendered.workloads("jitney-front-end")]:
        budget = rendered.named("PodDisruptionBudget", name)["spec"]
        assert budget["maxUnavailable"] == 1
        assert budget["selector"] == rendered.workload(name)["spec"]["selector"]


# A budget that lets none go would keep its node from ever being drained.
@BOTH
def test_nobody_keeps_a_node_from_being_drained(rendered: Rendered) -> None:
    guarded = {one["metadata"]["name"] for one in rendered.of("PodDisruptionBudget")}

    assert guarded == {*rendered.workloads("jitney-batcher"), *rendered.workloads("jitney-front-end")}


@BOTH
def test_pods_of_a_kind_lie_on_several_nodes_where_there_are_several(rendered: Rendered) -> None:
    for name in [*rendered.workloads("jitney-batcher"), *rendered.workloads("jitney-front-end")]:
        spread = rendered.pod(name)["spec"]["topologySpreadConstraints"]
        assert "kubernetes.io/hostname" in {one["topologyKey"] for one in spread}
        assert {one["whenUnsatisfiable"] for one in spread} == {"ScheduleAnyway"}  # on one node all run, too
        assert all(one["labelSelector"] == rendered.workload(name)["spec"]["selector"] for one in spread)
