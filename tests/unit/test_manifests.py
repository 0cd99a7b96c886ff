"""The manifests are valid, agree with each other and with the settings tables, and give nothing away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import kubernetes_validate
import pytest
import yaml

from broker.history.hashing import SECRET as HASH_SECRET
from broker.settings import env_name, rows
from server.webhooks.signature import VARIABLE as WEBHOOK_SECRET
from tests.unit.manifests import (
    BASE,
    FILES,
    K8S,
    KUSTOMIZATION,
    KUSTOMIZATIONS,
    MANIFESTS,
    PARTS,
    TABLES,
    WORKLOADS,
    containers,
    environment,
    everywhere,
    named,
    pods,
    settings,
)

OLDEST, NEWEST = "1.30", kubernetes_validate.latest_version()


def matches(selector: Mapping[str, str]) -> bool:
    return any(selector.items() <= pod["metadata"]["labels"].items() for _, pod in pods())


def identify(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


EVERY_MANIFEST = pytest.mark.parametrize("manifest", [pytest.param(one, id=identify(one)) for one in MANIFESTS])
EVERY_POD = pytest.mark.parametrize("name", [name for name, _ in pods()])
EVERY_PROCESS = pytest.mark.parametrize("name", sorted(TABLES))


@EVERY_MANIFEST
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_manifest_is_valid(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


@EVERY_MANIFEST
def test_no_manifest_chooses_its_namespace(manifest):
    assert "namespace" not in manifest["metadata"]


@pytest.mark.parametrize("part", PARTS, ids=lambda path: path.name)
def test_every_kustomization_lists_every_file(part):
    assert sorted(KUSTOMIZATIONS[part.name]["resources"]) == [path.name for path in FILES if path.parent == part]


def test_no_two_manifests_have_the_same_name():
    names = [identify(manifest) for manifest in MANIFESTS]

    assert len(names) == len(set(names))


@EVERY_PROCESS
def test_every_setting_that_a_manifest_names_is_one_of_the_tables(name):
    known = {env_name(row.name) for row, _ in rows(*TABLES[name])}
    known |= {WEBHOOK_SECRET, HASH_SECRET}  # which are no flags

    assert {variable for variable in environment(name) if variable.startswith("JITNEY_")} <= known


@EVERY_PROCESS
def test_every_value_is_one_that_the_process_takes(name):
    complaints = [word for table in settings(name) if hasattr(table, "complaints") for word in table.complaints()]

    assert complaints == []


@EVERY_PROCESS
def test_the_ports_are_those_of_the_settings(name):
    declared = {port["containerPort"] for one in containers(name) for port in one.get("ports", [])}
    listening = {getattr(table, port, None) for table in settings(name) for port in ("port", "metrics_port")}

    assert declared == listening - {None}


def test_the_front_end_asks_for_no_gpu():
    assert not any("gpu" in str(one["resources"]) for one in containers("jitney-front-end"))


def test_the_batcher_has_a_card_of_its_own():
    (batcher,) = containers("jitney-batcher", init=False)

    assert batcher["resources"]["limits"]["nvidia.com/gpu"] == "1"


@pytest.mark.parametrize("option", [["--appendonly", "yes"], ["--maxmemory-policy", "noeviction"]])
def test_valkey_forgets_nothing(option):
    (valkey,) = containers("jitney-valkey")

    at = valkey["args"].index(option[0])
    assert valkey["args"][at : at + 2] == option


def test_no_password_is_written_down():
    assert not [manifest for manifest in MANIFESTS if manifest["kind"] == "Secret"]


@EVERY_MANIFEST
def test_every_selector_finds_a_pod(manifest):
    found = [*everywhere(manifest, "matchLabels")]
    if manifest["kind"] == "Service":
        found.append(manifest["spec"]["selector"])

    assert all(matches(selector) for selector in found)


@pytest.mark.parametrize("name", [one["metadata"]["name"] for one in MANIFESTS if one["kind"] == "Service"])
def test_every_service_leads_to_a_port(name):
    service = named("Service", name)
    wanted = {port["targetPort"] for port in service["spec"]["ports"]}
    offered = {
        port["name"]
        for workload, pod in pods()
        if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        for container in containers(workload)
        for port in container.get("ports", [])
    }

    assert wanted <= offered


def test_clients_find_the_front_end_on_9527():
    (port,) = named("Service", "jitney")["spec"]["ports"]

    assert port["port"] == 9527


@EVERY_POD
def test_every_pod_is_as_restricted_as_a_pod_can_be(name):
    pod = dict(pods())[name]["spec"]

    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert pod["automountServiceAccountToken"] is False


@EVERY_POD
def test_every_container_is_as_restricted_as_a_container_can_be(name):
    for container in containers(name):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}


@EVERY_POD
def test_every_container_says_what_it_needs(name):
    for container in containers(name):
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


@EVERY_POD
def test_every_mount_has_its_volume(name):
    manifest = next(found for found in MANIFESTS if found["kind"] in WORKLOADS and found["metadata"]["name"] == name)
    claims = [claim["metadata"]["name"] for claim in manifest["spec"].get("volumeClaimTemplates", [])]
    volumes = {volume["name"] for volume in dict(pods())[name]["spec"]["volumes"]} | set(claims)

    assert {mount["name"] for one in containers(name) for mount in one["volumeMounts"]} == volumes


@EVERY_POD
def test_no_image_floats(name):
    tags = {image["name"]: image["newTag"] for image in KUSTOMIZATION["images"]}
    images = [container["image"].partition(":") for container in containers(name)]

    assert all(re.fullmatch(r"\d+\.\d+(\.\d+)?", tag or tags[image]) for image, _, tag in images)


def test_the_weights_come_at_one_commit():
    weights = named("ConfigMap", "jitney-weights")["data"]

    assert re.fullmatch(r"[0-9a-f]{40}", weights["WEIGHTS_REVISION"])


def test_the_weights_are_where_the_batcher_looks():
    weights = named("ConfigMap", "jitney-weights")["data"]
    _, model, _ = settings("jitney-batcher")

    assert model.model == f"translation:{weights['WEIGHTS_DIRECTORY']}"


def test_the_batcher_never_asks_the_hub():
    *_, model = settings("jitney-batcher")

    assert model.offline and environment("jitney-batcher")["HF_HUB_OFFLINE"] == "1"


def test_the_secret_is_made_as_the_readme_says():
    wanted = {reference["key"] for reference in everywhere(MANIFESTS, "secretKeyRef")}
    wanted |= {item["key"] for secret in everywhere(MANIFESTS, "secret") for item in secret["items"]}
    made = set(re.findall(r"--from-(?:literal|file)=([\w.-]+)=", (K8S / "README.md").read_text(encoding="utf-8")))

    assert wanted == {name for name in made if not name.startswith("AWS_")}  # those are taken as they are


def test_object_storage_needs_nothing_while_files_are_off():
    (container,) = containers("jitney-front-end", init=False)
    secrets = [one["secretRef"] for one in container["envFrom"] if "secretRef" in one]

    assert secrets == [{"name": "jitney-files", "optional": True}]
    assert settings("jitney-front-end")[1].files == ""


def test_api_keys_need_nothing_while_they_are_off_and_lie_where_the_config_says():
    pod = dict(pods())["jitney-front-end"]["spec"]
    (container,) = containers("jitney-front-end", init=False)
    [secret] = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    [mounted] = [one["mountPath"] for one in container["volumeMounts"] if one["name"] == "api-keys"]
    said = (K8S / "base" / "configmap.yaml").read_text(encoding="utf-8")

    assert secret["optional"] and settings("jitney-front-end")[1].api_keys == "off"
    assert [f"{mounted}/{item['path']}" for item in secret["items"]] == ["/etc/jitney/keys"]
    assert "/etc/jitney/keys" in said


def test_webhooks_need_nothing_while_they_are_off_and_leave_by_https_where_they_are_on():
    blocks = re.findall(r"```yaml\n(.*?)```", (K8S / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    [policy] = [one for block in blocks if (one := yaml.safe_load(block)).get("kind") == "NetworkPolicy"]
    secrets = {one["name"]: one.get("optional") for one in everywhere(MANIFESTS, "secretKeyRef")}

    assert secrets["jitney-webhooks"] and not settings("jitney-front-end")[1].webhooks
    kubernetes_validate.validate(policy, NEWEST, strict=True)
    assert matches(policy["spec"]["podSelector"]["matchLabels"])
    assert [*everywhere(policy, "ports")] == [[{"port": 443}]]


def test_keys_need_nothing_while_they_are_off_and_lie_where_the_readme_says():
    spec = dict(pods())["jitney-front-end"]["spec"]
    [volume] = [one for one in spec["volumes"] if "secret" in one]
    (container,) = containers("jitney-front-end", init=False)
    [mount] = [one for one in container["volumeMounts"] if one["name"] == volume["name"]]
    [item] = volume["secret"]["items"]
    path = f"{mount['mountPath']}/{item['path']}"

    assert volume["secret"]["optional"] and mount["readOnly"]
    assert settings("jitney-front-end")[1].api_keys == "off"
    assert f"`{path}`" in (K8S / "README.md").read_text(encoding="utf-8")
    assert path in (BASE / "configmap.yaml").read_text(encoding="utf-8")


def test_the_front_end_may_finish_what_is_pending_before_it_is_killed():
    pod = dict(pods())["jitney-front-end"]["spec"]
    _, server = settings("jitney-front-end")
    (container,) = containers("jitney-front-end")
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod["terminationGracePeriodSeconds"] > before + server.drain_seconds + server.default_timeout


@pytest.mark.parametrize(("probe", "path"), [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")])
def test_the_front_end_is_probed_where_it_answers(probe, path):
    (container,) = containers("jitney-front-end")

    assert container[probe]["httpGet"] == {"path": path, "port": "http"}
