"""The Prometheus Operator scrapes every process, and has the alerts and the dashboard that lie in monitoring/."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml

from tests.manifests import APP, EVERYTHING, K8S, render

CLUSTER = render(*EVERYTHING)
MONITORING = K8S.parent / "monitoring"
RULES = K8S / "components" / "monitoring" / "rules.yaml"


def test_every_process_with_metrics_is_scraped_and_nobody_else():
    monitor = CLUSTER.named("PodMonitor", "jitney")["spec"]
    [app] = monitor["selector"]["matchExpressions"]
    [endpoint] = monitor["podMetricsEndpoints"]
    offering = {
        CLUSTER.app(name)
        for name in CLUSTER.workloads()
        for container in CLUSTER.containers(name)
        if endpoint["port"] in [port["name"] for port in container.get("ports", [])]
    }

    assert (app["key"], set(app["values"])) == (APP, offering)


@pytest.mark.parametrize("app", ["jitney-front-end", "jitney-batcher", "jitney-history"])
def test_prometheus_reaches_the_metrics(app):
    name = CLUSTER.workloads(app)[0]
    mine = [rule for spec in CLUSTER.policies(name) for rule in spec.get("ingress", [])]
    (container,) = CLUSTER.containers(name, init=False)
    [metrics] = [port["containerPort"] for port in container["ports"] if port["name"] == "metrics"]

    assert {"ports": [{"port": metrics}]} in mine  # from anywhere


def test_the_alerts_are_those_of_monitoring():
    alerts = yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))
    text = re.sub(r"(runbook_url: )\S*/docs/", r"\1docs/", RULES.read_text("utf-8"))
    written = yaml.safe_load(text)["spec"]
    rendered = CLUSTER.named("PrometheusRule", "jitney")["spec"]

    assert written == alerts, "alerts.yaml was changed: make rules"
    assert words(rendered) == words(yaml.safe_load(RULES.read_text("utf-8"))["spec"])


def test_make_puts_an_address_before_the_pages_that_alerts_name(tmp_path):
    mine = tmp_path / "rules.yaml"
    mine.write_bytes(RULES.read_bytes())

    subprocess.run(["make", "rules", f"RULES={mine}", "RUNBOOKS=https://git.example.org/jitney/"], cwd=K8S.parent)

    [group] = yaml.safe_load(mine.read_text("utf-8"))["spec"]["groups"]
    pages = [rule["annotations"]["runbook_url"] for rule in group["rules"]]
    assert pages and all(page.startswith("https://git.example.org/jitney/docs/") for page in pages)


def words(node):
    """All that is said, whatever the lines: kubectl folds them its own way."""
    return json.dumps(node, sort_keys=True).replace("\\n", " ").split()


def test_grafana_finds_the_dashboard():
    dashboard = CLUSTER.named("ConfigMap", "jitney-dashboard")

    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["data"] == {"dashboard.json": (MONITORING / "dashboard.json").read_text("utf-8")}
