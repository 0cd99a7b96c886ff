"""What may be added to the base in a cluster."""

from __future__ import annotations

import pytest
import yaml

from tests.manifests import COMPONENTS, EVERYTHING, K8S, everywhere, render

CLUSTER = render(*EVERYTHING)


@pytest.mark.parametrize("name", COMPONENTS)
def test_components_go_together(name):
    assert yaml.safe_load((K8S / "components" / name / "kustomization.yaml").read_text("utf-8"))["kind"] == "Component"


@pytest.mark.parametrize("option", [["--maxmemory", "256mb"], ["--maxmemory-policy", "allkeys-lfu"], ["--save", ""]])
def test_the_cache_throws_away_what_is_old_and_keeps_nothing_on_disk(option):
    (valkey,) = CLUSTER.containers("jitney-cache")

    at = valkey["args"].index(option[0])
    assert valkey["args"][at : at + 2] == option


def test_the_cache_is_reached_by_front_ends_and_reaches_nobody():
    policy = CLUSTER.named("NetworkPolicy", "jitney-cache")["spec"]

    assert [*everywhere(policy["ingress"], "matchLabels")] == [{"app.kubernetes.io/name": "jitney-front-end"}]
    assert "Egress" in policy["policyTypes"] and "egress" not in policy
    assert CLUSTER.settings("jitney-front-end")[1].cache_url and CLUSTER.settings("jitney-front-end")[1].cache_bytes


def test_the_history_is_read_by_front_ends_only_where_a_reader_is_named():
    (front_end,) = CLUSTER.containers("jitney-front-end", init=False)
    [database] = [one for one in front_end["env"] if one["name"] == "JITNEY_HISTORY_DATABASE"]

    assert database["valueFrom"]["secretKeyRef"]["optional"]
    assert CLUSTER.settings("jitney-front-end")[1].history
