"""Batchers are scaled by what waits: each trigger agrees with the batcher that it scales."""

from __future__ import annotations

import re
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from tests.manifests import K8S, render
from tests.unit.every_metric import every_metric, name_of

CLUSTER = render("keda")
SCALED = CLUSTER.named("ScaledObject", "jitney-batcher-m2m100")["spec"]
TRIGGERS = {one["name"]: one for one in SCALED["triggers"]}
EVERY_TRIGGER = pytest.mark.parametrize("name", ["depth", "age", "running"])
BATCHER = CLUSTER.settings("jitney-batcher-m2m100")[1]


def test_it_scales_a_deployment_whose_replicas_are_written_nowhere_else():
    target = CLUSTER.workload(SCALED["scaleTargetRef"]["name"])

    assert target["kind"] == "Deployment"
    assert "replicas" not in target["spec"]


# An apply takes away what it applied before and does not any more, and Kubernetes puts 1 in its place.
def test_the_page_says_how_they_are_kept_where_they_were_written_before():
    name = SCALED["scaleTargetRef"]["name"]

    assert "replicas" in render("gpu").workload(name)["spec"]
    assert f"apply edit-last-applied deployment/{name}\n" in (K8S / "README.md").read_text(encoding="utf-8")


# Without a batcher front ends refuse, so that nothing waits: from zero nobody would come back.
def test_the_last_batcher_stays():
    assert 1 <= SCALED["minReplicaCount"] < SCALED["maxReplicaCount"]


def test_its_pace_is_one_that_kubernetes_takes():
    behavior = SCALED["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    made = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "of-keda"}}
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "jitney"}, "maxReplicas": 2, "behavior": behavior}

    kubernetes_validate.validate({**made, "spec": spec}, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.anyio
async def test_every_query_asks_for_a_metric_that_there_is_of_the_model_that_is_served(tmp_path):
    known = {name_of(metric) for metric in await every_metric(tmp_path)}

    for trigger in TRIGGERS.values():
        query = trigger["metadata"]["query"]
        for metric in re.findall(r"jitney_\w+", query):
            assert metric in known and f'{metric}{{model="{BATCHER.name}"' in query


@EVERY_TRIGGER
def test_what_is_not_known_is_not_taken_for_nothing(name):
    assert TRIGGERS[name]["metadata"]["ignoreNullValues"] == "false"


# An average over the replicas: what waits divided by it is how many there should be. An age is no sum.
@pytest.mark.parametrize(("name", "kind"), [("depth", "AverageValue"), ("age", "Value"), ("running", "AverageValue")])
def test_a_number_of_jobs_is_shared_among_the_replicas_and_an_age_is_not(name, kind):
    assert TRIGGERS[name]["metricType"] == kind


@pytest.mark.parametrize("name", ["depth", "running"])
def test_jobs_are_counted_in_full_batches(name):
    assert int(TRIGGERS[name]["metadata"]["threshold"]) == BATCHER.max_batch_size


def test_one_prometheus_is_asked():
    assert len({one["metadata"]["serverAddress"] for one in TRIGGERS.values()}) == 1


# By revision: its batchers, and what waits. What was replaced leaves cancelled jobs behind; a model without any batcher
# must get some.
@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt-get install prometheus")
@pytest.mark.parametrize(
    ("revisions", "waiting"),
    [
        ({"old": (0, 200), "new": (1, 3)}, 3),
        ({"old": (1, 200), "new": (1, 3)}, 203),
        ({"old": (0, 200), "new": (0, 3)}, 203),
        ({"only": (0, 200)}, 200),
        ({"only": (2, 200)}, 200),
    ],
)
def test_what_waits_for_a_revision_that_was_replaced_asks_for_no_card(revisions, waiting, tmp_path):
    lane = 'lane="interactive", '
    told = {
        f'{metric}{{{also}model="{BATCHER.name}", instance="{at}", revision="{revision}"}}': str(value)
        for revision, (batchers, jobs) in revisions.items()
        for metric, also, value in [
            ("jitney_batchers", "", batchers),
            ("jitney_queue_jobs", lane, jobs),
            ("jitney_queue_oldest_age_seconds", lane, jobs),  # a second for each
        ]
        for at in ("a", "b")  # two front ends that tell the same
    }
    oldest = max(jobs for _, jobs in revisions.values() if jobs <= waiting)
    asks = [
        {"expr": TRIGGERS[name]["metadata"]["query"], "exp_samples": [{"labels": "{}", "value": value}]}
        for name, value in {"depth": waiting, "age": oldest}.items()
    ]
    series = [{"series": name, "values": values} for name, values in told.items()]
    written = tmp_path / "test.yaml"
    written.write_text(yaml.safe_dump({"tests": [{"input_series": series, "promql_expr_test": asks}]}))

    said = subprocess.run(["promtool", "test", "rules", written], capture_output=True, text=True, check=False)

    assert said.returncode == 0, said.stdout + said.stderr
