"""Nothing is cut off when pods are replaced, and never too many are away at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from tests.graces import longest
from tests.manifests import EVERYTHING, K8S, Rendered, render

BOTH = pytest.mark.parametrize("rendered", [render(*EVERYTHING), render("local")], ids=["gpu", "local"])
LONE = (K8S / "README.md").read_text(encoding="utf-8").partition("## When a node is drained")[2].partition("\n## ")[0]


@BOTH
def test_a_front_end_may_finish_what_is_pending_before_it_is_killed(rendered: Rendered) -> None:
    (container,) = rendered.containers("jitney-front-end")
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = rendered.pod("jitney-front-end")["spec"]["terminationGracePeriodSeconds"]

    assert before >= 5  # until every node has heard that it takes no connections
    assert grace > before + longest(rendered.settings("jitney-front-end"))


@BOTH
def test_a_batcher_may_finish_its_batch_before_it_is_killed(rendered: Rendered) -> None:
    for name in rendered.workloads("jitney-batcher"):
        assert rendered.pod(name)["spec"]["terminationGracePeriodSeconds"] > longest(rendered.settings(name))


@BOTH
def test_a_new_pod_is_ready_before_an_old_one_leaves(rendered: Rendered) -> None:
    for name in [*rendered.workloads("jitney-batcher"), *rendered.workloads("jitney-front-end")]:
        strategy = rendered.workload(name)["spec"]["strategy"]
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def may_leave(budget: Mapping[str, Any], ready: int) -> int:
    """How many of so many pods, all of them ready, a drain may send away at once, as Kubernetes counts."""
    if "maxUnavailable" in budget:
        return min(ready, int(budget["maxUnavailable"]))
    least = str(budget["minAvailable"])
    stay = math.ceil(ready * int(least[:-1]) / 100) if least.endswith("%") else int(least)
    return max(0, ready - stay)


# Eviction does not surge: whoever is sent away is missed until a new pod has started and loaded.
@BOTH
def test_a_drain_never_sends_away_the_last_that_answers(rendered: Rendered) -> None:
    fewest = {"jitney-front-end": 2, "jitney-batcher": 1}
    for name in [*rendered.workloads("jitney-batcher"), *rendered.workloads("jitney-front-end")]:
        budget = rendered.named("PodDisruptionBudget", name)["spec"]
        for ready in range(fewest[rendered.app(name)], 11):
            assert may_leave(budget, ready) < ready
        assert budget["selector"] == rendered.workload(name)["spec"]["selector"]


@BOTH
def test_a_drain_goes_on_by_itself_where_there_are_two(rendered: Rendered) -> None:
    for budget in rendered.of("PodDisruptionBudget"):
        assert all(may_leave(budget["spec"], ready) for ready in range(2, 11))


@BOTH
def test_what_is_not_ready_keeps_no_node(rendered: Rendered) -> None:
    for budget in rendered.of("PodDisruptionBudget"):
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_the_page_says_how_a_lone_batcher_leaves() -> None:
    [batcher] = render("gpu").workloads("jitney-batcher")

    assert render("gpu").workload(batcher)["spec"]["replicas"] == 1
    assert may_leave(render("gpu").named("PodDisruptionBudget", batcher)["spec"], 1) == 0
    assert f"rollout restart deployment/{batcher}\n" in LONE  # which starts the new one first: see the strategy above


@BOTH
def test_everything_that_answers_has_a_budget(rendered: Rendered) -> None:
    guarded = {one["metadata"]["name"] for one in rendered.of("PodDisruptionBudget")}

    assert guarded == {*rendered.workloads("jitney-batcher"), *rendered.workloads("jitney-front-end")}


@BOTH
def test_pods_of_a_kind_lie_on_several_nodes_where_there_are_several(rendered: Rendered) -> None:
    for name in [*rendered.workloads("jitney-batcher"), *rendered.workloads("jitney-front-end")]:
        spread = rendered.pod(name)["spec"]["topologySpreadConstraints"]
        assert "kubernetes.io/hostname" in {one["topologyKey"] for one in spread}
        assert {one["whenUnsatisfiable"] for one in spread} == {"ScheduleAnyway"}  # on one node all run, too
        assert all(one["labelSelector"] == rendered.workload(name)["spec"]["selector"] for one in spread)
