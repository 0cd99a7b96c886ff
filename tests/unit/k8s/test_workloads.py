"""What each workload is given: ports and probes, a card or none, weights, secrets."""

from __future__ import annotations

import ast
import re

import pytest

from batcher.models.files.weights import OLD_PATTERNS, PATTERNS
from tests.manifests import COMBINATIONS, EVERYTHING, K8S, everywhere, render

CLUSTER = render(*EVERYTHING)
LOCAL = render("local")
BATCHER = "jitney-batcher-m2m100"
FRONT_END = "jitney-front-end"
README = (K8S / "README.md").read_text(encoding="utf-8")


def test_clients_find_the_front_end_on_9527():
    (port,) = CLUSTER.named("Service", "jitney")["spec"]["ports"]

    assert port["port"] == 9527


@pytest.mark.parametrize("combination", COMBINATIONS, ids="+".join)
def test_only_a_batcher_asks_for_a_card(combination):
    rendered = render(*combination)
    asking = {rendered.app(name) for name in rendered.workloads() if "gpu" in str(rendered.pod(name)["spec"])}

    assert asking <= {"jitney-batcher"}


def test_the_batcher_has_a_card_of_its_own_and_goes_where_cards_are():
    (batcher,) = CLUSTER.containers(BATCHER, init=False)

    assert batcher["resources"]["limits"]["nvidia.com/gpu"] == batcher["resources"]["requests"]["nvidia.com/gpu"] == "1"
    assert [one["key"] for one in CLUSTER.pod(BATCHER)["spec"]["tolerations"]] == ["nvidia.com/gpu"]
    assert CLUSTER.settings(BATCHER)[2].device == "cuda"


def test_a_laptop_serves_the_three_demo_models_without_a_card():
    models = {LOCAL.settings(name)[1].model for name in LOCAL.workloads("jitney-batcher")}

    assert models == {
        "translation:/models/translation",
        "classification:/models/classification",
        "image-classification:/models/image_classification",
    }
    assert not [*everywhere(LOCAL.manifests, "nvidia.com/gpu")]
    assert {LOCAL.settings(name)[2].device for name in LOCAL.workloads("jitney-batcher")} == {"cpu"}


@pytest.mark.parametrize("option", [["--appendonly", "yes"], ["--maxmemory-policy", "noeviction"]])
def test_valkey_forgets_nothing(option):
    (valkey,) = CLUSTER.containers("jitney-valkey")

    at = valkey["args"].index(option[0])
    assert valkey["args"][at : at + 2] == option


@pytest.mark.parametrize("name", CLUSTER.workloads())
def test_every_container_says_what_it_needs(name):
    for container in CLUSTER.containers(name):
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


def test_the_weights_come_at_one_commit_to_where_the_batcher_looks():
    (weights,) = CLUSTER.pod(BATCHER)["spec"]["initContainers"]
    (source,) = everywhere(weights["envFrom"], "configMapRef")
    said = CLUSTER.named("ConfigMap", source["name"])["data"]

    assert re.fullmatch(r"[0-9a-f]{40}", said["WEIGHTS_REVISION"])
    assert CLUSTER.settings(BATCHER)[1].model == f"translation:/models/{said['WEIGHTS_REVISION']}"
    assert said.keys() == set(re.findall(r'environ\["(\w+)"\]', weights["command"][-1]))


def test_all_that_a_batcher_reads_of_a_model_is_brought():
    (weights,) = CLUSTER.pod(BATCHER)["spec"]["initContainers"]
    calls = [node for node in ast.walk(ast.parse(weights["command"][-1])) if isinstance(node, ast.Call)]
    brought = [tuple(map(ast.literal_eval, one.args)) for one in calls if getattr(one.func, "id", "") == "fetch"]

    assert brought == [PATTERNS, OLD_PATTERNS]


@pytest.mark.parametrize("more", [(), ("keda",), ("external-redis",)], ids="+".join)
def test_weights_in_the_image_are_not_fetched_and_lie_where_the_image_has_them(more):
    rendered = render("gpu", "baked-weights", *more)
    repository = (K8S / "overlays/gpu/m2m100/weights.env").read_text(encoding="utf-8")
    (name,) = re.findall(r"^WEIGHTS_REPOSITORY=[\w-]+/(\w+)$", repository, re.MULTILINE)

    assert rendered.settings(BATCHER)[1].model == f"translation:/models/{name}"
    assert f"`/models/{name}`" in (K8S.parent / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert not rendered.pod(BATCHER)["spec"].get("initContainers")
    assert 443 not in everywhere(rendered.policies(BATCHER), "port")
    assert "weights" not in str(rendered.manifests) and "'models'" not in str(rendered.manifests)


def test_the_batcher_reads_the_volume_that_the_weights_were_brought_to():
    (init, batcher) = CLUSTER.containers(BATCHER)
    brought = [one for one in init["volumeMounts"] if one["name"] == "models"]

    assert brought == [{"name": "models", "mountPath": "/models"}]
    assert {"name": "models", "mountPath": "/models", "readOnly": True} in batcher["volumeMounts"]


@pytest.mark.parametrize("rendered", [CLUSTER, LOCAL], ids=["gpu", "local"])
def test_no_batcher_ever_asks_the_hub(rendered):
    for name in rendered.workloads("jitney-batcher"):
        model = rendered.settings(name)[2]
        assert model.offline and rendered.environment(name)["HF_HUB_OFFLINE"] == "1"


def test_the_secret_is_made_as_the_readme_says():
    wanted = {reference["key"] for reference in everywhere(CLUSTER.manifests, "secretKeyRef")}
    wanted |= {item["key"] for secret in everywhere(CLUSTER.manifests, "secret") for item in secret["items"]}
    wanted |= {*re.findall(r'/secretKeyRef/key", "value": "([\w-]+)"', README), "url-operator"}  # a user for each side
    made = set(re.findall(r"--from-(?:literal|file)=([\w.-]+)=", README))

    assert wanted == {name for name in made if not name.startswith("AWS_")}  # those are taken as they are


def test_the_readme_says_what_its_commands_need_and_makes_images_as_everywhere():
    (top, *_) = README.split("\n## ")

    assert "need a cluster" in top
    assert "\nmake images TORCH_INDEX=<url>" in README and "download." not in README


def test_object_storage_needs_nothing_while_files_are_off():
    (container,) = CLUSTER.containers(FRONT_END, init=False)
    secrets = [one["secretRef"] for one in container["envFrom"] if "secretRef" in one]

    assert secrets == [{"name": "jitney-files", "optional": True}]
    assert CLUSTER.settings(FRONT_END)[1].files == ""


def test_webhooks_need_nothing_while_they_are_off():
    secrets = {one["name"]: one.get("optional") for one in everywhere(CLUSTER.manifests, "secretKeyRef")}

    assert secrets["jitney-webhooks"] and not CLUSTER.settings(FRONT_END)[1].webhooks


def test_keys_need_nothing_while_they_are_off_and_lie_where_the_readme_and_the_settings_say():
    [volume] = [one for one in CLUSTER.pod(FRONT_END)["spec"]["volumes"] if "secret" in one]
    (container,) = CLUSTER.containers(FRONT_END, init=False)
    [mount] = [one for one in container["volumeMounts"] if one["name"] == volume["name"]]
    [item] = volume["secret"]["items"]
    path = f"{mount['mountPath']}/{item['path']}"

    assert volume["secret"]["optional"] and mount["readOnly"]
    assert CLUSTER.settings(FRONT_END)[1].api_keys == "off"
    assert f"`{path}`" in README
    assert path in (K8S / "base" / "front-end.env").read_text(encoding="utf-8")


@pytest.mark.parametrize(("probe", "path"), [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")])
def test_the_front_end_is_probed_where_it_answers(probe, path):
    (container,) = CLUSTER.containers(FRONT_END)

    assert container[probe]["httpGet"] == {"path": path, "port": "http"}


# It opens that port when it has announced itself; that it lives, it watches itself and ends where it does not.
@pytest.mark.parametrize("name", [BATCHER, "jitney-history"])
def test_what_takes_no_requests_is_ready_with_its_metrics_and_nobody_kills_it(name):
    (container,) = CLUSTER.containers(name, init=False)

    assert container["readinessProbe"]["httpGet"] == {"path": "/metrics", "port": "metrics"}
    assert "livenessProbe" not in container
