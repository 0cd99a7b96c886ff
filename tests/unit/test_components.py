"""What may be added to the base in a cluster."""

from __future__ import annotations

import pytest

from tests.unit.manifests import KUSTOMIZATIONS, PARTS, containers, everywhere, named, settings


@pytest.mark.parametrize("part", PARTS[1:], ids=lambda path: path.name)
def test_components_go_together(part):
    assert KUSTOMIZATIONS[part.name]["kind"] == "Component"


@pytest.mark.parametrize("option", [["--maxmemory", "256mb"], ["--maxmemory-policy", "allkeys-lfu"], ["--save", ""]])
def test_the_cache_throws_away_what_is_old_and_keeps_nothing_on_disk(option):
    (valkey,) = containers("jitney-cache")

    at = valkey["args"].index(option[0])
    assert valkey["args"][at : at + 2] == option


def test_the_cache_is_reached_by_front_ends_and_reaches_nobody():
    policy = named("NetworkPolicy", "jitney-cache")["spec"]

    assert [*everywhere(policy["ingress"], "matchLabels")] == [{"app.kubernetes.io/name": "jitney-front-end"}]
    assert "Egress" in policy["policyTypes"] and "egress" not in policy
    assert settings("jitney-front-end")[1].cache_url and settings("jitney-front-end")[1].cache_bytes
