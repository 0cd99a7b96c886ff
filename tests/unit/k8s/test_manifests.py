"""Every overlay renders, alone and with what may be added; what comes of it is valid and agrees with itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import kubernetes_validate
import pytest

from broker.history.hashing import SECRET as HASH_SECRET
from broker.settings import env_name, rows
from server.webhooks.signature import VARIABLE as WEBHOOK_SECRET
from tests.manifests import APP, COMBINATIONS, K8S, TABLES, Rendered, everywhere, render
from tests.unit.k8s.custom_resources import SCHEMAS, check

OLDEST, NEWEST = "1.30", kubernetes_validate.latest_version()
SECRETS = {WEBHOOK_SECRET, HASH_SECRET}  # which are no flags
EVERY_COMBINATION = pytest.mark.parametrize("combination", COMBINATIONS, ids="+".join)


@cache
def every_manifest() -> list[dict[str, Any]]:
    """Of all combinations, each once."""
    manifests = [one for combination in COMBINATIONS for one in render(*combination).manifests]
    return list({json.dumps(one, sort_keys=True): one for one in manifests}.values())


def identify(manifest: Mapping[str, Any]) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def matches(rendered: Rendered, selector: Mapping[str, str]) -> bool:
    return any(selector.items() <= rendered.pod(name)["metadata"]["labels"].items() for name in rendered.workloads())


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_manifest_is_valid(version):
    for manifest in every_manifest():
        if manifest["kind"] not in SCHEMAS:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_every_custom_resource_is_valid():
    ours = [manifest for manifest in every_manifest() if manifest["kind"] in SCHEMAS]

    assert {manifest["kind"] for manifest in ours} == set(SCHEMAS)
    for manifest in ours:
        check(manifest)


def test_no_manifest_chooses_its_namespace():
    assert not [identify(one) for one in every_manifest() if "namespace" in one["metadata"]]


def test_no_password_is_written_down():
    assert not [one for one in every_manifest() if one["kind"] == "Secret"]


@pytest.mark.parametrize("part", sorted(K8S.glob("**/kustomization.yaml")), ids=lambda path: str(path.parent.name))
def test_every_file_is_part_of_its_kustomization(part):
    text = part.read_text(encoding="utf-8")

    files = [*part.parent.glob("*.yaml"), *part.parent.glob("*.env")]

    assert [path.name for path in files if path != part and f" {path.name}\n" not in text] == []


@EVERY_COMBINATION
def test_no_two_manifests_have_the_same_name(combination):
    names = [identify(manifest) for manifest in render(*combination).manifests]

    assert len(names) == len(set(names))


@EVERY_COMBINATION
def test_every_setting_that_a_manifest_names_is_one_of_the_tables(combination):
    rendered = render(*combination)
    for app, tables in TABLES.items():
        known = {env_name(row.name) for row, _ in rows(*tables)} | SECRETS
        for name in rendered.workloads(app):
            said = {variable for variable in rendered.environment(name) if variable.startswith("JITNEY_")}
            assert said <= known, name


@EVERY_COMBINATION
def test_every_value_is_one_that_the_process_takes(combination):
    rendered = render(*combination)
    for app in TABLES:
        for name in rendered.workloads(app):
            tables = [table for table in rendered.settings(name) if hasattr(table, "complaints")]
            assert [word for table in tables for word in table.complaints()] == []


@EVERY_COMBINATION
def test_every_settings_map_belongs_to_a_process(combination):
    rendered = render(*combination)
    used = {source["name"] for source in everywhere(rendered.of("Deployment"), "configMapRef")}
    settings = [one for one in rendered.of("ConfigMap") if all(key.isupper() for key in one["data"])]

    assert {one["metadata"]["name"] for one in settings} == used


@EVERY_COMBINATION
def test_the_ports_are_those_of_the_settings(combination):
    rendered = render(*combination)
    for name in [one for app in TABLES for one in rendered.workloads(app)]:
        declared = {port["containerPort"] for one in rendered.containers(name) for port in one.get("ports", [])}
        tables, ports = rendered.settings(name), ("port", "metrics_port")
        listening = {getattr(table, port, None) for table in tables for port in ports}
        assert declared == listening - {None}


@EVERY_COMBINATION
def test_every_selector_finds_a_pod(combination):
    rendered = render(*combination)
    found = [*everywhere(rendered.manifests, "matchLabels")]
    found += [service["spec"]["selector"] for service in rendered.of("Service")]

    assert [selector for selector in found if not matches(rendered, selector)] == []


@EVERY_COMBINATION
def test_no_deployment_would_take_anothers_pods(combination):
    rendered = render(*combination)
    for one in rendered.of("Deployment", "StatefulSet"):
        mine = one["spec"]["selector"]["matchLabels"].items()
        taken = [name for name in rendered.workloads() if mine <= rendered.pod(name)["metadata"]["labels"].items()]
        assert taken == [one["metadata"]["name"]]


@EVERY_COMBINATION
def test_every_service_leads_to_a_port(combination):
    rendered = render(*combination)
    for service in rendered.of("Service"):
        offered = {
            port["name"]
            for name in rendered.workloads(service["spec"]["selector"][APP])
            for container in rendered.containers(name)
            for port in container.get("ports", [])
        }
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= offered


@EVERY_COMBINATION
def test_every_mount_has_its_volume(combination):
    rendered = render(*combination)
    for name in rendered.workloads():
        claims = rendered.workload(name)["spec"].get("volumeClaimTemplates", [])
        volumes = {volume["name"] for volume in rendered.pod(name)["spec"]["volumes"]}
        volumes |= {claim["metadata"]["name"] for claim in claims}
        assert {mount["name"] for one in rendered.containers(name) for mount in one["volumeMounts"]} == volumes


@EVERY_COMBINATION
def test_no_image_floats(combination):
    rendered = render(*combination)
    images = [one["image"] for name in rendered.workloads() for one in rendered.containers(name)]

    assert [image for image in images if not re.fullmatch(r"[\w/-]+:\d+\.\d+(\.\d+)?", image)] == []
