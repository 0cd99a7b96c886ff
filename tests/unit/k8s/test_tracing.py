"""Spans reach a collector from front ends and batchers, in every overlay that has the component."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_HEADERS
from opentelemetry.util.re import parse_env_headers

from broker.tracing.settings import TracingSettings
from broker.tracing.startup import spans_sent, tracing_from
from tests.manifests import APP, K8S, Rendered, render

TRACED = [render("gpu", "tracing"), render("local", "tracing")]
BOTH = pytest.mark.parametrize("rendered", TRACED, ids=["gpu", "local"])
APPS = ["jitney-front-end", "jitney-batcher"]
README = (K8S / "README.md").read_text(encoding="utf-8")


def endpoints(rendered: Rendered) -> dict[str, str]:
    """Where each process sends its spans."""
    return {name: rendered.settings(name)[-1].otlp_endpoint for app in APPS for name in rendered.workloads(app)}


def ways_out(rendered: Rendered) -> dict[str, list[dict[str, object]]]:
    policies = [one for one in rendered.of("NetworkPolicy") if one["metadata"]["name"].endswith("-tracing")]
    return {one["spec"]["podSelector"]["matchLabels"][APP]: one["spec"]["egress"] for one in policies}


@BOTH
def test_every_process_that_makes_spans_sends_them_to_one_collector(rendered):
    (endpoint,) = set(endpoints(rendered).values())
    tracing = tracing_from({}, TracingSettings(otlp_endpoint=endpoint), "test", samples=False)

    with spans_sent(tracing):
        assert tracing


@BOTH
def test_each_is_let_out_to_the_port_of_the_collector(rendered):
    ports = {urlsplit(endpoint).port for endpoint in endpoints(rendered).values()}

    assert ways_out(rendered) == {
        app: [{"to": [{"namespaceSelector": {}}], "ports": [{"port": port}]}] for port in ports for app in APPS
    }


@pytest.mark.parametrize("overlay", ["gpu", "local"])
def test_no_spans_are_sent_and_nobody_is_let_out_without_it(overlay):
    assert set(endpoints(render(overlay)).values()) == {""}
    assert ways_out(render(overlay)) == {}


def test_the_readme_shows_how_the_address_is_written_over():
    (address,) = set(endpoints(TRACED[0]).values())
    (pattern,) = re.findall(r"target: \{kind: ConfigMap, name: (jitney-\(.*\))\}", README)

    assert all(re.fullmatch(pattern, f"jitney-{name}") for name in ("front-end", "batcher-m2m100"))
    assert f"`{address}`" in README and "/data/JITNEY_OTLP_ENDPOINT" in README


@BOTH
def test_a_collector_that_asks_for_keys_has_them_from_a_secret_which_need_not_be(rendered):
    optional = {"name": "jitney-tracing", "key": "headers", "optional": True}
    for name in endpoints(rendered):
        (container,) = rendered.containers(name, init=False)
        said = {one["name"]: one.get("valueFrom") for one in container["env"]}
        assert said[OTEL_EXPORTER_OTLP_HEADERS] == {"secretKeyRef": optional}


def test_the_readme_writes_them_as_they_are_read():
    (written,) = re.findall(r'create secret generic jitney-tracing --from-literal=headers="(.+)"\n', README)

    assert parse_env_headers(written.replace("$TOKEN", "t0ken")) == {"authorization": "Bearer t0ken"}
