"""Nobody talks to anybody unless a policy says so, and what has to get through does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.manifests import COMBINATIONS, Rendered, everywhere, render, selects

EVERY_COMBINATION = pytest.mark.parametrize("combination", COMBINATIONS, ids="+".join)
OURS = ("jitney-front-end", "jitney-batcher", "jitney-history")


def listening(rendered: Rendered, name: str) -> set[int]:
    return {port["containerPort"] for one in rendered.containers(name) for port in one.get("ports", [])}


def ways_in(rendered: Rendered, name: str) -> list[dict[str, Any]]:
    return [rule for spec in rendered.policies(name) for rule in spec.get("ingress", [])]


def ways_out(rendered: Rendered, name: str) -> list[dict[str, Any]]:
    return [rule for spec in rendered.policies(name) for rule in spec.get("egress", [])]


@EVERY_COMBINATION
def test_every_pod_is_closed_both_ways(combination: tuple[str, ...]) -> None:
    rendered = render(*combination)
    for name in rendered.workloads():
        closed = {way for spec in rendered.policies(name) for way in spec["policyTypes"]}
        assert closed == {"Ingress", "Egress"}, name


# Some network plugins know no names of ports, and would let nobody through, without a word.
@EVERY_COMBINATION
def test_ports_are_numbers(combination: tuple[str, ...]) -> None:
    for policy in render(*combination).of("NetworkPolicy"):
        assert all(isinstance(port, int) for port in everywhere(policy["spec"], "port")), policy["metadata"]["name"]


@EVERY_COMBINATION
def test_pods_are_let_in_at_the_ports_that_they_listen_on_and_no_others(combination: tuple[str, ...]) -> None:
    rendered = render(*combination)
    for name in rendered.workloads():
        assert {*everywhere(ways_in(rendered, name), "port")} == listening(rendered, name), name


@EVERY_COMBINATION
def test_who_is_let_out_to_a_pod_of_ours_is_let_in_there(combination: tuple[str, ...]) -> None:
    rendered = render(*combination)
    for name in rendered.workloads():
        for rule in ways_out(rendered, name):
            for peer in (one["podSelector"] for one in rule.get("to", []) if one.keys() == {"podSelector"}):
                [there] = [one for one in rendered.workloads() if selects(peer, labels(rendered, one))]
                assert lets_in(rendered, there, name, rule["ports"]), f"{name} to {there}"


def lets_in(rendered: Rendered, there: str, name: str, ports: list[dict[str, Any]]) -> bool:
    return any(
        rule["ports"] == ports
        and any(selects(one["podSelector"], labels(rendered, name)) for one in rule.get("from", []))
        for rule in ways_in(rendered, there)
    )


def labels(rendered: Rendered, name: str) -> dict[str, str]:
    found: dict[str, str] = rendered.pod(name)["metadata"]["labels"]
    return found


@EVERY_COMBINATION
def test_all_of_ours_reach_the_broker_and_a_name_server(combination: tuple[str, ...]) -> None:
    rendered = render(*combination)
    for name in [one for app in OURS for one in rendered.workloads(app)]:
        assert {6379, 53} <= {*everywhere(ways_out(rendered, name), "port")}, name


def test_nobody_else_reaches_the_broker() -> None:
    [rule] = ways_in(render("gpu"), "jitney-valkey")

    assert [apps for one in rule["from"] for apps in everywhere(one, "values")] == [[*OURS]]


@pytest.mark.parametrize("combination", [one for one in COMBINATIONS if "external-redis" in one], ids="+".join)
def test_a_broker_elsewhere_leaves_nothing_of_ours_behind(combination: tuple[str, ...]) -> None:
    assert "jitney-valkey" not in str(render(*combination).manifests)
